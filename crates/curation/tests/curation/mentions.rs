use clinsynth_contract::{Origin, Relation};

use super::*;

/// Four sentences that label `sepsis` and four that label `ALL`.
fn background() -> Vec<Example> {
    [
        "Severe [sepsis] killed two old men",
        "In [Sepsis] the pressure falls",
        "We treated [sepsis] with fluids",
        "Death from [sepsis] is common",
        "Childhood [ALL] was cured in most",
        "Relapse of [ALL] came late",
        "Adults with [ALL] do worse",
        "Her [ALL] was of T-cell type",
    ]
    .iter()
    .enumerate()
    .map(|(index, marked)| example(&format!("b{index}"), marked))
    .collect()
}

fn run(marked: &str, policy: MentionPolicy) -> Curated {
    let mut settings = CurationSettings::default();
    settings.mentions.policy = policy;
    let mut examples = background();
    examples.push(example("x", marked));
    curate(examples, &[], &settings).unwrap()
}

#[test]
fn forgotten_mentions_are_found_as_whole_words_only() {
    let check = |marked: &str, expected: &[&str]| {
        let curated = run(marked, MentionPolicy::Keep);
        let rows: Vec<_> = expected.iter().map(|&detail| ("x", "inconsistent_mention", detail)).collect();
        assert_eq!(flags(&curated), rows, "{marked}");
        assert_eq!(curated.kept.len(), 9);
    };
    check("Nobody died of Sepsis in this trial", &["`sepsis` at 15 is `D` in 4 of 5 occurrences"]);
    check("Nobody died of [neonatal sepsis] in this trial", &[]);
    check("In sepsis [shock] is late", &["`sepsis` at 3 is `D` in 4 of 5 occurrences"]);
    check("A sepsis-like illness or urosepsis struck here", &[]);
    check("The children with ALL were all alive", &["`ALL` at 18 is `D` in 4 of 5 occurrences"]);
    check("Sepsis, sepsis, sepsis, sepsis and sepsis: bare more often than not", &[]);
}

#[test]
fn the_policy_decides() {
    let text = "After [fever] came sepsis and [shock]";
    let dropped = run(text, MentionPolicy::Drop);
    assert_eq!(set_aside(&dropped), [("x", "inconsistent_mention", "`sepsis` at 17 is `D` in 4 of 5 occurrences")]);
    let labelled = run(text, MentionPolicy::Label);
    let last = labelled.kept.last().unwrap();
    assert_eq!(marked(last), "After [fever|D] came [sepsis|D] and [shock|D]");
    assert_eq!(last.provenance.origin, Origin::Weak);
    assert_eq!(labelled.counts, [("inconsistent_mention", 1)].into());
}

#[test]
fn relations_follow_their_mentions() {
    let mut settings = CurationSettings::default();
    settings.mentions.policy = MentionPolicy::Label;
    let mut examples = background();
    let mut related = example("x", "After sepsis came [fever] then [shock]");
    related.relations = vec![Relation { head: 0, tail: 1, label: "then".into() }];
    examples.push(related);
    let curated = curate(examples, &[], &settings).unwrap();
    let last = curated.kept.last().unwrap();
    assert_eq!(marked(last), "After [sepsis|D] came [fever|D] then [shock|D]");
    assert_eq!((last.relations[0].head, last.relations[0].tail), (1, 2));
}

#[test]
fn a_string_under_two_labels_is_a_conflict() {
    let curated = run("Patients with [sepsis|C] of any cause", MentionPolicy::Keep);
    assert_eq!(flags(&curated), [("x", "label_conflict", "`sepsis` is `C` here and `D` in 4 of 5 mentions")]);
}
