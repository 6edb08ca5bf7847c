use clinsynth_contract::{Entity, Example, Origin, Relation, Sensitivity, Span};
use clinsynth_corpora::{Warning, read};
use proptest::prelude::*;

use crate::{entity_lines, fixture, read_text, reasons, settings};

#[test]
fn reads_documents_mentions_and_relations() {
    let corpus = read(&fixture("notes.pubtator"), &settings()).unwrap();
    let ids: Vec<_> = corpus.examples.iter().map(|example| (example.id.as_str(), example.document.as_str())).collect();
    assert_eq!(ids, [("c:101", "c:101"), ("c:102", "c:102"), ("c:103", "c:103")]);

    let first = &corpus.examples[0];
    assert!(first.text.starts_with("Déjà-vu after foxglove: a case of digitalis toxicity. A gardener"));
    let expected = [
        "14..22 Chemical foxglove D004071",
        "34..43 Chemical digitalis D004071",
        "34..52 Disease digitalis toxicity D064420",
        "70..81 Disease heart block D006327",
        "86..114 Disease atrial or ventricular ectopy D001255|D014694",
        "120..128 Chemical foxglove D004071",
        "134..154 Disease Foxglove 🌿 poisoning -",
    ];
    assert_eq!(entity_lines(first), expected);
    let relation = |tail| Relation { head: 0, tail, label: "CID".into() };
    assert_eq!(first.relations, [relation(3), relation(4)]);
    assert_eq!((first.split, first.provenance.origin, first.sensitivity), (None, Origin::Human, Sensitivity::Public));

    assert_eq!(corpus.examples[1].text, "Gout");
    assert_eq!(entity_lines(&corpus.examples[1]), ["0..4 Disease Gout D006073"]);
    assert_eq!((corpus.examples[2].text.as_str(), corpus.examples[2].entities.len()), ("No abstract here", 0));
    assert_eq!(corpus.labels.iter().collect::<Vec<_>>(), ["Chemical", "Disease"]);
    assert_eq!(corpus.relation_labels.iter().collect::<Vec<_>>(), ["CID"]);
    assert_eq!(corpus.warnings, [Warning::CompositeParts { mentions: 1 }]);
    let [row] = &corpus.quarantined[..] else { panic!("{:?}", corpus.quarantined) };
    assert_eq!((row.id.as_str(), row.stage.as_str()), ("c:101", "corpus"));
    assert_eq!(row.detail, "line 13: no mention has the concept `D999999` of a `CID` relation");
    assert_eq!(row.text, first.text);
}

#[test]
fn sets_aside_what_does_not_fit_and_keeps_the_rest() {
    let check = |annotation: &str, reason: &str, detail: &str| {
        let text = format!("1|t|Mild gout\n1|a|and scurvy\n1\t5\t9\tgout\tDisease\tX\n{annotation}\n");
        let corpus = read_text(&text);
        let rows: Vec<_> = corpus.quarantined.iter().map(|row| (row.reason.as_str(), row.detail.as_str())).collect();
        assert_eq!(rows, [(reason, detail)]);
        assert_eq!(entity_lines(&corpus.examples[0]), ["5..9 Disease gout X"]);
    };
    check(
        "1\t13\t19\tscurvy\tDisease\tY",
        "text_mismatch",
        "line 4: `scurvy` (Disease) at 13..19, but the text there is ` scurv`",
    );
    check(
        "1\t14\t21\tscurvy\tDisease",
        "span_outside",
        "line 4: `scurvy` (Disease) at 14..21: span 14..21 lies outside a text of 20 characters",
    );
    check(
        "1\t9\t5\tgout\tDisease",
        "span_outside",
        "line 4: `gout` (Disease) at 9..5: span 9..5 lies outside a text of 20 characters",
    );
    check("1\t5\t9\tgout\tModifier\tX", "duplicate_annotation", "line 4: `gout` (Modifier) at 5..9");
    check("1\tCID\tY\tX", "relation_concept_not_found", "line 4: no mention has the concept `Y` of a `CID` relation");
}

#[test]
fn a_document_that_stands_twice_is_kept_once() {
    let document = |label: &str| format!("7|t|Gout\n7|a|again\n7\t0\t4\tGout\t{label}\n\n");
    let same = read_text(&format!("{}{}", document("Disease"), document("Disease")));
    assert_eq!(same.examples.len(), 1);
    assert_eq!(same.warnings, [Warning::DocumentTwice { document: "7".into(), line: 5 }]);
    assert_eq!(same.quarantined, []);

    let other = read_text(&format!("{}{}", document("Disease"), document("Symptom")));
    assert_eq!(entity_lines(&other.examples[0]), ["0..4 Disease Gout -"]);
    assert_eq!(other.warnings, []);
    assert_eq!(other.quarantined[0].detail, "line 5: differs from the document of this identifier at line 1");
    assert_eq!(reasons(&other), [("duplicate_document", 1)].into());
}

#[test]
fn a_mention_with_loose_white_space_keeps_its_offsets() {
    let corpus = read_text("7|t|Gout\n7|a|again\n7\t0\t4\tGout  \tDisease\tX\n");
    assert_eq!(entity_lines(&corpus.examples[0]), ["0..4 Disease Gout X"]);
    assert_eq!(corpus.warnings, [Warning::LooseMention { document: "7".into(), line: 3 }]);
}

#[test]
fn carriage_returns_and_a_byte_order_mark_are_no_text() {
    let corpus = read_text("\u{feff}7|t|Gout\r\n7|a|again\r\n7\t5\t10\tagain\tWord\tX\r\n");
    assert_eq!(corpus.examples[0].text, "Gout again");
    assert_eq!(entity_lines(&corpus.examples[0]), ["5..10 Word again X"]);
}

/// Text that fits one line of a tab-separated file, with much beyond ASCII.
fn line_text() -> impl Strategy<Value = String> {
    let character =
        any::<char>().prop_filter("fits a column", |c| !c.is_control() && !c.is_whitespace() && *c != '\u{feff}');
    let word = prop::collection::vec(prop_oneof![character, prop::char::range('a', 'z')], 1..8);
    prop::collection::vec(word.prop_map(String::from_iter), 1..8).prop_map(|words| words.join(" "))
}

fn document() -> impl Strategy<Value = (String, String, Vec<(usize, usize)>)> {
    (line_text(), line_text(), prop::collection::btree_set((0usize..40, 1usize..20), 0..5))
        .prop_map(|(title, body, spans)| (title, body, spans.into_iter().collect()))
}

proptest! {
    #[test]
    fn what_was_annotated_comes_back((title, body, spans) in document()) {
        let text: Vec<char> = format!("{title} {body}").chars().collect();
        let mut expected = Vec::new();
        let mut file = vec![format!("9|t|{title}"), format!("9|a|{body}")];
        for (start, length) in spans.into_iter().filter(|(start, length)| start + length <= text.len()) {
            let mention: String = text[start..start + length].iter().collect();
            file.push(format!("9\t{start}\t{}\t{mention}\tDisease\tC{start}", start + length));
            let mut entity = Entity::new(Span::new(start as u32, (start + length) as u32), "Disease");
            entity.concept = Some(format!("C{start}"));
            expected.push(entity);
        }
        let corpus = read_text(&file.join("\n"));
        let examples: &[Example] = &corpus.examples;
        prop_assert_eq!(&examples[0].text, &text.iter().collect::<String>());
        prop_assert_eq!(&examples[0].entities, &expected);
        prop_assert_eq!(&corpus.quarantined, &[]);
    }
}
