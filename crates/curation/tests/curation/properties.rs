use std::collections::BTreeSet;

use clinsynth_curation::STAGE;
use proptest::prelude::*;

use super::*;

/// Examples that trip every filter now and then; mentions are drawn freely, also outside the text.
fn examples() -> impl Strategy<Value = Vec<Example>> {
    let word = prop::sample::select(vec![
        "sepsis", "Sepsis", "ALL", "fever", "cold", "colds", "of", "the", "with", "α-TNF", "肺癌", "{{", "\u{0}",
        "\u{fffd}", "рак", "", "e\u{301}",
    ]);
    let text = prop::collection::vec(word, 1..12).prop_map(|words| words.join(" "));
    let mention = (0u32..40, 0u32..9, prop::sample::select(vec!["D", "C"]))
        .prop_map(|(start, length, label)| Entity::new(Span::new(start, start + length), label));
    let topic = prop::option::of(prop::sample::select(vec!["t1", "t2", "t3"]));
    let row = (text, prop::collection::vec(mention, 0..2), topic).prop_map(|(text, entities, topic)| Example {
        text,
        entities,
        provenance: Provenance { topic: topic.map(String::from), ..Provenance::default() },
        ..Example::default()
    });
    prop::collection::vec(row, 0..30).prop_map(|mut rows| {
        for (index, row) in rows.iter_mut().enumerate() {
            row.id = index.to_string();
        }
        rows
    })
}

fn policy() -> impl Strategy<Value = MentionPolicy> {
    prop::sample::select(vec![MentionPolicy::Keep, MentionPolicy::Drop, MentionPolicy::Label])
}

fn settings(policy: MentionPolicy) -> CurationSettings {
    let mut settings = CurationSettings { min_words: 2, ..CurationSettings::default() };
    settings.mentions.policy = policy;
    settings.mentions.min_count = 1;
    settings.mentions.min_share = 0.5;
    settings
}

proptest! {
    #[test]
    fn every_example_is_kept_or_set_aside_once(examples in examples(), policy in policy()) {
        let curated = curate(examples.clone(), &examples[..examples.len() / 4], &settings(policy)).unwrap();
        let (kept, gone) = (ids(&curated.kept), curated.quarantined.iter().map(|row| row.id.as_str()));
        let mut all: Vec<&str> = kept.iter().copied().chain(gone).collect();
        all.sort_by_key(|id| id.parse::<usize>().unwrap());
        prop_assert_eq!(all, ids(&examples));
        prop_assert!(kept.is_sorted_by_key(|id| id.parse::<usize>().unwrap()), "order stays");
        let rows = curated.quarantined.iter().chain(&curated.flags);
        for row in rows.clone() {
            prop_assert_eq!(row.stage.as_str(), STAGE);
            prop_assert_eq!(&row.text, &examples[row.id.parse::<usize>().unwrap()].text);
        }
        prop_assert_eq!(curated.counts.values().sum::<u64>(), rows.count() as u64);
    }

    #[test]
    fn what_is_kept_is_sound_and_stays_kept(examples in examples(), policy in policy()) {
        let settings = settings(policy);
        let curated = curate(examples, &[], &settings).unwrap();
        for example in &curated.kept {
            let mut spans: Vec<Span> = example.entities.iter().map(Entity::span).collect();
            spans.sort_unstable();
            prop_assert!(spans.windows(2).all(|pair| !pair[0].overlaps(pair[1])));
            let text: Vec<char> = example.text.chars().collect();
            for span in spans {
                let mention = &text[span.start as usize..span.end as usize];
                prop_assert!(!mention[0].is_whitespace() && !mention[mention.len() - 1].is_whitespace());
            }
            prop_assert!(example.split.is_some());
        }
        if policy != MentionPolicy::Drop {
            prop_assert_eq!(curate(curated.kept.clone(), &[], &settings).unwrap().kept.len(), curated.kept.len());
        }
    }

    #[test]
    fn topics_are_on_one_side(examples in examples()) {
        let curated = curate(examples, &[], &settings(MentionPolicy::Keep)).unwrap();
        let topics = |side| -> BTreeSet<_> {
            let rows = curated.kept.iter().filter(move |example| example.split == Some(side));
            rows.filter_map(|example| example.provenance.topic.clone()).collect()
        };
        prop_assert!(topics(Split::Train).is_disjoint(&topics(Split::Dev)));
    }
}
