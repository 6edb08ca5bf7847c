use clinsynth_contract::{Quarantined, Sensitivity};

use super::*;

#[test]
fn each_filter_names_its_reason() {
    let check = |marked: &str, reason: Reason, detail: &str| {
        let curated = curate(vec![example("1", marked)], &[], &CurationSettings::default()).unwrap();
        assert_eq!(set_aside(&curated), [("1", reason.code(), detail)], "{marked}");
        assert_eq!(curated.counts, [(reason.code(), 1)].into(), "{marked}");
        assert!(curated.kept.is_empty());
    };
    check("Two words.", Reason::TooShort, "2 words, at least 3 wanted");
    check(&"word ".repeat(401), Reason::TooLong, "401 words, at most 400 wanted");
    check("The {{ disease }} is rare", Reason::PromptResidue, "holds `{{`");
    check("The disease \u{0} is rare", Reason::ControlCharacter, "U+0000 at character 12");
    check("The disease \u{fffd} is rare", Reason::ReplacementCharacter, "U+FFFD at character 12");
    check("The disease in [scold]ing people", Reason::MentionInsideWord, "`scold` at 15");
}

#[test]
fn a_row_says_where_it_comes_from() {
    let mut short = example("1", "Two words.");
    short.provenance.request = Some("r7".into());
    short.sensitivity = Sensitivity::Restricted;
    let curated = curate(vec![short], &[], &CurationSettings::default()).unwrap();
    let expected = Quarantined {
        id: "1".into(),
        stage: "curate".into(),
        reason: "too_short".into(),
        detail: "2 words, at least 3 wanted".into(),
        request: Some("r7".into()),
        text: "Two words.".into(),
        sensitivity: Sensitivity::Restricted,
    };
    assert_eq!(curated.quarantined, [expected]);
}

#[test]
fn repairs_are_flagged_and_kept() {
    let curated =
        curate(vec![example("1", "Several [tumor]s and[ rare fevers] came")], &[], &CurationSettings::default())
            .unwrap();
    assert_eq!(marked(&curated.kept[0]), "Several [tumors|D] and [rare fevers|D] came");
    assert_eq!(
        flags(&curated),
        [("1", "mention_extended", "`tumor` to `tumors`"), ("1", "mention_trimmed", "`rare fevers` at 19")]
    );
}

#[test]
fn the_first_of_equal_or_near_texts_stays() {
    let base = "Germline mutations of [BRCA1|G] were found in twelve of forty families with early onset.";
    let examples = vec![
        example("first", base),
        example("copy", "germline mutations of [BRCA1|G] were found, in twelve of forty families with early onset"),
        example("relabelled", "Germline mutations of BRCA1 were found in twelve of forty families with early onset!"),
        example("near", "Germline mutations of [BRCA2|G] were found in twelve of forty families with early onset."),
        example("other", "No mutation of [BRCA1|G] was seen among the remaining families."),
    ];
    let curated = curate(examples, &[], &CurationSettings::default()).unwrap();
    assert_eq!(ids(&curated.kept), ["first", "other"]);
    assert_eq!(
        set_aside(&curated),
        [
            ("copy", "duplicate", "of `first`"),
            ("relabelled", "duplicate", "of `first`, which labels it otherwise"),
            ("near", "near_duplicate", "0.88 like `first`"),
        ]
    );
}

#[test]
fn evaluation_texts_are_kept_out() {
    let sentence = "Friedreich ataxia is an autosomal recessive disease caused by a GAA expansion in intron one.";
    let mut evaluation = example("abstract", &format!("We studied a large family. {sentence} It is fatal in some."));
    evaluation.sensitivity = Sensitivity::Restricted;
    let against = [example("sentence", "No such deletion was found in the controls."), evaluation];
    let examples = vec![
        example("near", "No such deletion was found in the control."),
        example("run", &sentence.replace("expansion in", "repeat of")),
        example("fact", "A GAA expansion in intron one causes an autosomal recessive disease."),
    ];
    let curated = curate(examples, &against, &CurationSettings::default()).unwrap();
    assert_eq!(ids(&curated.kept), ["fact"]);
    assert_eq!(
        set_aside(&curated),
        [
            ("near", "contaminated", "0.97 like evaluation text `sentence`"),
            ("run", "contaminated", "shares 10 words in a row with evaluation text `abstract`"),
        ]
    );
    assert_eq!(curated.quarantined[0].sensitivity, Sensitivity::Synthetic);
    assert_eq!(curated.quarantined[1].sensitivity, Sensitivity::Restricted);
}

#[test]
fn settings_outside_their_range_are_refused() {
    let check = |change: fn(&mut CurationSettings), expected: &str| {
        let mut settings = CurationSettings::default();
        change(&mut settings);
        assert_eq!(curate(Vec::new(), &[], &settings).unwrap_err().to_string(), expected);
    };
    check(
        |settings| settings.near_duplicate = 0.0,
        "curation setting `near-duplicate` is `0`: it must be above 0 and at most 1",
    );
    check(
        |settings| settings.max_words = 2,
        "curation setting `max-words` is `2`: it must be no less than `min-words`",
    );
    check(
        |settings| settings.split.dev_fraction = 1.0,
        "curation setting `dev-fraction` is `1`: it must be 0 or more and below 1",
    );
    check(
        |settings| settings.mentions.min_share = f64::NAN,
        "curation setting `forgotten-min-share` is `NaN`: it must be above 0 and at most 1",
    );
}
