use clinsynth_contract::Relation;

use crate::{entity_lines, read_text, reasons};

/// Identifier, entities and relations of a sentence.
type Sentence<'s> = (&'s str, &'s [&'s str], &'s [(u32, u32, &'s str)]);

fn check(file: &str, expected: &[Sentence]) {
    let corpus = read_text(file);
    let found: Vec<_> = corpus
        .examples
        .iter()
        .map(|example| (example.id.clone(), entity_lines(example), example.relations.clone()))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(id, entities, relations)| {
            let relation = |&(head, tail, label): &(u32, u32, &str)| Relation { head, tail, label: label.into() };
            let entities: Vec<String> = entities.iter().map(|line| (*line).to_owned()).collect();
            ((*id).to_owned(), entities, relations.iter().map(relation).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(found, expected, "{file:?}");
}

#[test]
fn gad_with_a_header_and_an_index() {
    check(
        "index\tsentence\tlabel\n0\tRôle of @GENE$ in @DISEASE$.\t1\n7\t@DISEASE$ without @GENE$\t0\n",
        &[
            ("c:0", &["8..14 Gene @GENE$ -", "18..27 Disease @DISEASE$ -"], &[(0, 1, "1")]),
            // The head of a gene-disease pair is the gene, wherever it stands.
            ("c:7", &["0..9 Disease @DISEASE$ -", "18..24 Gene @GENE$ -"], &[(1, 0, "0")]),
        ],
    );
}

#[test]
fn euadr_without_a_header() {
    check(
        "@GENE$ and @DISEASE$\t1\n\n@DISEASE$ or @GENE$\t0\n",
        &[
            ("c:0", &["0..6 Gene @GENE$ -", "11..20 Disease @DISEASE$ -"], &[(0, 1, "1")]),
            ("c:1", &["0..9 Disease @DISEASE$ -", "13..19 Gene @GENE$ -"], &[(1, 0, "0")]),
        ],
    );
}

#[test]
fn chemprot_and_ddi_have_classes_and_shared_masks() {
    check(
        "index\tsentence\tlabel\n1.T1.T2\t@GENE$ is inhibited by @CHEMICAL$\tCPR:4\n1.T3.T4\tthe @CHEM-GENE$ complex\tfalse\n",
        &[
            ("c:1.T1.T2", &["0..6 Gene @GENE$ -", "23..33 Chemical @CHEMICAL$ -"], &[(1, 0, "CPR:4")]),
            ("c:1.T3.T4", &["4..15 CHEM-GENE @CHEM-GENE$ -"], &[(0, 0, "false")]),
        ],
    );
    check(
        "d0.s0\t@DRUG$ and @DRUG$ beside @DRUG$ at a@b.c for 5$\tDDI-effect\n",
        &[(
            "c:d0.s0",
            &["0..6 Drug @DRUG$ -", "11..17 Drug @DRUG$ -", "25..31 Drug @DRUG$ -"],
            &[(0, 1, "DDI-effect")],
        )],
    );
}

#[test]
fn a_sentence_without_masks_is_kept_and_its_label_is_set_aside() {
    let corpus = read_text("index\tsentence\tlabel\n0\tNothing here\t1\n");
    assert_eq!(corpus.examples[0].relations, []);
    assert_eq!(reasons(&corpus), [("mask_not_found", 1)].into());
    assert_eq!(
        corpus.quarantined[0].detail,
        "line 2: no entity is masked as `@TYPE$`, so the label `1` stands between nothing"
    );
}
