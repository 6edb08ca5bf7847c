use std::collections::{BTreeMap, BTreeSet};

use clinsynth_curation::split_by_topic;

use super::*;

fn rows(sizes: &[usize]) -> Vec<Example> {
    let topic = |index: usize| Provenance { topic: Some(format!("topic {index}")), ..Provenance::default() };
    sizes
        .iter()
        .enumerate()
        .flat_map(|(index, &size)| (0..size).map(move |row| (index, row)))
        .map(|(index, row)| Example { id: format!("{index}.{row}"), provenance: topic(index), ..Example::default() })
        .collect()
}

fn dev_topics(examples: &[Example]) -> BTreeSet<String> {
    let dev = examples.iter().filter(|example| example.split == Some(Split::Dev));
    dev.map(|example| example.provenance.topic.clone().unwrap()).collect()
}

#[test]
fn the_fraction_is_met_to_within_half_a_topic_and_no_topic_is_on_both_sides() {
    for seed in 0..50 {
        let mut examples = rows(&[10, 1, 30, 7, 7, 12, 3, 20, 5, 5]);
        split_by_topic(&mut examples, &SplitSettings { dev_fraction: 0.3, seed }).unwrap();
        let dev = examples.iter().filter(|example| example.split == Some(Split::Dev)).count();
        assert!((15..=45).contains(&dev), "{dev}");
        let mut sides: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for example in &examples {
            sides.entry(&example.provenance.topic).or_default().insert(example.split.unwrap());
        }
        assert!(sides.values().all(|sides| sides.len() == 1));
    }
}

#[test]
fn the_seed_decides_and_the_order_of_rows_does_not() {
    let split = |seed, reverse: bool| {
        let mut examples = rows(&[5; 20]);
        if reverse {
            examples.reverse();
        }
        split_by_topic(&mut examples, &SplitSettings { dev_fraction: 0.2, seed }).unwrap();
        dev_topics(&examples)
    };
    assert_eq!(split(1, false).len(), 4);
    assert_eq!(split(1, false), split(1, true));
    assert_ne!(split(1, false), split(2, false));
}

#[test]
fn neither_side_is_left_empty_and_given_splits_stay() {
    let check = |sizes: &[usize], dev_fraction, expected: usize| {
        let mut examples = rows(sizes);
        split_by_topic(&mut examples, &SplitSettings { dev_fraction, seed: 3 }).unwrap();
        assert_eq!(dev_topics(&examples).len(), expected, "{sizes:?} {dev_fraction}");
    };
    check(&[50, 60], 0.01, 1);
    check(&[50, 60], 0.99, 1);
    check(&[50], 0.5, 0);
    check(&[5, 5, 5], 0.0, 0);
    // Twenty and forty are equally far from the thirty wanted.
    check(&[20, 20, 20], 0.5, 2);
    for seed in 0..8 {
        let mut examples = rows(&[50, 2, 60, 70]);
        split_by_topic(&mut examples, &SplitSettings { dev_fraction: 0.001, seed }).unwrap();
        assert_eq!(dev_topics(&examples), ["topic 1".to_owned()].into(), "the smallest");
    }
    let mut examples = rows(&[1, 1]);
    examples[0].split = Some(Split::Test);
    split_by_topic(&mut examples, &SplitSettings::default()).unwrap();
    assert_eq!((examples[0].split, examples[1].split), (Some(Split::Test), Some(Split::Train)));
}

#[test]
fn groups_are_topics_else_requests_else_documents_else_ids() {
    let mut examples: Vec<Example> = (0..4).map(|_| Example { id: "i".into(), ..Example::default() }).collect();
    examples[0].document = "d".into();
    examples[1].provenance.request = Some("r".into());
    examples[1].document = "d".into();
    examples[2].provenance.topic = Some("t".into());
    examples[2].provenance.request = Some("r".into());
    // Four groups of one: a quarter is one of them whatever its kind.
    for seed in 0..8 {
        let mut examples = examples.clone();
        split_by_topic(&mut examples, &SplitSettings { dev_fraction: 0.25, seed }).unwrap();
        assert_eq!(examples.iter().filter(|example| example.split == Some(Split::Dev)).count(), 1);
    }
}
