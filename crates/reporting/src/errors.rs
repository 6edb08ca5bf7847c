//! Errors by kind, each in its sentence with the gold mention and the prediction marked.

use std::collections::BTreeMap;

use clinsynth_contract::{CharOffsets, Entity, ErrorCase, ScoredSpan, Span};
use serde::Serialize;

use crate::ErrorSample;
use crate::numbers::{percent, share, thousands};
use crate::sets::in_order;

/// The kinds in the order of the page: what each means of mentions, and of relations.
const KINDS: [(&str, &str, &str, &str); 5] = [
    ("boundary", "Boundary", "The right label on the wrong extent: the two overlap.", ""),
    ("label", "Label", "The right extent under the wrong label.", "Another relation than the gold one."),
    ("both", "Extent and label", "The two overlap, and neither extent nor label is right.", ""),
    ("missed", "Missed", "A gold mention that was not found.", "A gold relation that was not found."),
    ("spurious", "Spurious", "A prediction where gold has nothing.", "A relation where gold has none."),
];

/// Characters shown on each side of what is marked.
const CONTEXT: u32 = 160;

/// Quoted texts that are open at once in each kind; the others unfold.
const OPEN: usize = 3;

/// Systems whose kinds are drawn; of more, the best.
const DRAWN: usize = 12;

/// Errors of one evaluation set.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorSet {
    dataset: String,
    /// Whether they are of relations, and not of mentions.
    relations: bool,
    systems: Vec<SystemErrors>,
    kinds: Vec<Kind>,
}

/// How many errors of each kind a system makes.
#[derive(Debug, Serialize)]
struct SystemErrors {
    name: String,
    total: String,
    kinds: Vec<KindCount>,
}

#[derive(Debug, Serialize)]
struct KindCount {
    code: String,
    name: String,
    count: String,
    share: String,
    percent: String,
}

/// The quoted errors of one kind.
#[derive(Debug, Serialize)]
struct Kind {
    code: String,
    name: String,
    meaning: String,
    count: String,
    first: Vec<Quote>,
    rest: Vec<Quote>,
}

/// One text with its errors of one kind.
#[derive(Debug, Serialize)]
struct Quote {
    /// The system, where there are several.
    system: Option<String>,
    /// The labels in question, for the filter.
    labels: Vec<String>,
    cut_before: bool,
    cut_after: bool,
    segments: Vec<Segment>,
    mentions: Vec<Mention>,
}

/// What quoted errors can be filtered by; an axis of one value is left out.
#[derive(Debug, Serialize)]
pub(crate) struct Filter {
    datasets: Vec<String>,
    systems: Vec<String>,
    kinds: Vec<(String, String)>,
    labels: Vec<String>,
    quotes: usize,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct Segment {
    text: String,
    gold: bool,
    predicted: bool,
}

#[derive(Debug, Serialize)]
struct Mention {
    gold: Option<String>,
    gold_label: Option<String>,
    predicted: Option<String>,
    predicted_label: Option<String>,
    score: Option<String>,
}

/// The errors by evaluation set. `names` are those of systems for readers, by dataset and name.
pub(crate) fn error_sets(samples: &[ErrorSample], names: &BTreeMap<(String, String), String>) -> Vec<ErrorSet> {
    let datasets = in_order(samples.iter().map(|sample| sample.dataset.as_str()));
    let of_set = |dataset: &&str| {
        let samples: Vec<_> = samples.iter().filter(|sample| sample.dataset == **dataset).collect();
        error_set(dataset, &samples, names)
    };
    datasets.iter().map(of_set).collect()
}

fn error_set(dataset: &str, samples: &[&ErrorSample], names: &BTreeMap<(String, String), String>) -> ErrorSet {
    let several = samples.len() > 1;
    let name = |sample: &ErrorSample| {
        let key = (sample.dataset.clone(), sample.system.clone());
        names.get(&key).cloned().unwrap_or_else(|| sample.system.clone())
    };
    let kind = |(code, kind, meaning): (&str, &str, &str)| {
        let count: u64 = samples.iter().map(|sample| count_of(sample, code)).sum();
        let quoted = |sample: &&ErrorSample| {
            let system = several.then(|| name(sample));
            quotes(sample.cases.iter().filter(|case| case.kind == code), system.as_deref())
        };
        let mut first: Vec<Quote> = samples.iter().flat_map(quoted).collect();
        let rest = first.split_off(first.len().min(OPEN));
        let (code, name, meaning) = (code.to_owned(), kind.to_owned(), meaning.to_owned());
        Kind { code, name, meaning, count: thousands(count), first, rest }
    };
    let system = |sample: &&ErrorSample| SystemErrors {
        name: name(sample),
        total: thousands(sample.counts.iter().map(|count| count.count).sum()),
        kinds: kind_counts(sample),
    };
    ErrorSet {
        dataset: dataset.to_owned(),
        relations: samples.iter().any(|sample| of_relations(sample)),
        systems: samples.iter().take(DRAWN).map(system).collect(),
        kinds: kinds_of(samples).into_iter().map(kind).filter(|kind| !kind.first.is_empty()).collect(),
    }
}

/// The known kinds, and then others that occur.
fn kinds_of<'s>(samples: &[&'s ErrorSample]) -> Vec<(&'s str, &'s str, &'s str)> {
    let relations = samples.iter().any(|sample| of_relations(sample));
    let known = KINDS.iter().map(|&(code, name, of_mentions, of_relations)| {
        (code, name, if relations { of_relations } else { of_mentions })
    });
    let others = in_order(samples.iter().flat_map(|sample| &sample.counts).map(|count| count.name.as_str()));
    let others = others.into_iter().filter(|name| KINDS.iter().all(|(code, ..)| code != name));
    known.chain(others.map(|name| (name, name, ""))).collect()
}

fn of_relations(sample: &ErrorSample) -> bool {
    sample.cases.iter().any(|case| case.head.is_some())
}

fn count_of(sample: &ErrorSample, kind: &str) -> u64 {
    sample.counts.iter().find(|count| count.name == kind).map_or(0, |count| count.count)
}

fn kind_counts(sample: &ErrorSample) -> Vec<KindCount> {
    let total: u64 = sample.counts.iter().map(|count| count.count).sum();
    let counts = kinds_of(&[sample]).into_iter().map(|(code, name, _)| (code, name, count_of(sample, code)));
    let shown = counts.filter(|(_, _, count)| *count > 0).map(|(code, name, count)| KindCount {
        code: code.to_owned(),
        name: name.to_owned(),
        count: thousands(count),
        share: share(count as f64, total as f64),
        percent: percent(count as f64 / total as f64),
    });
    shown.collect()
}

/// What the quoted errors can be filtered by.
pub(crate) fn filter(sets: &[ErrorSet]) -> Filter {
    let kinds = || sets.iter().flat_map(|set| &set.kinds);
    let quotes = || kinds().flat_map(|kind| kind.first.iter().chain(&kind.rest));
    let several = |names: Vec<&str>| -> Vec<String> {
        if names.len() > 1 { names.into_iter().map(str::to_owned).collect() } else { Vec::new() }
    };
    let codes = several(in_order(kinds().map(|kind| kind.code.as_str())));
    let named = |code: String| {
        let name = kinds().find(|kind| kind.code == code).map_or_else(|| code.clone(), |kind| kind.name.clone());
        (code, name)
    };
    Filter {
        datasets: several(in_order(sets.iter().map(|set| set.dataset.as_str()))),
        systems: several(in_order(quotes().filter_map(|quote| quote.system.as_deref()))),
        kinds: codes.into_iter().map(named).collect(),
        labels: several(in_order(quotes().flat_map(|quote| &quote.labels).map(String::as_str))),
        quotes: quotes().count(),
    }
}

/// One quote for each example, with all its errors of the kind.
fn quotes<'a>(cases: impl Iterator<Item = &'a ErrorCase>, system: Option<&str>) -> Vec<Quote> {
    let mut groups: Vec<Vec<&ErrorCase>> = Vec::new();
    for case in cases {
        match groups.iter_mut().find(|group| group[0].example == case.example && group[0].text == case.text) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups.iter().map(|group| quote(group, system)).collect()
}

fn quote(cases: &[&ErrorCase], system: Option<&str>) -> Quote {
    let text = CharOffsets::new(&cases[0].text);
    // The ends of a relation are marked as gold: they are given, and what is between them is in question.
    let golds = cases.iter().flat_map(|case| [&case.gold, &case.head, &case.tail]);
    let gold: Vec<Span> = golds.flatten().map(Entity::span).collect();
    let predicted: Vec<Span> = cases.iter().filter_map(|case| case.predicted.as_ref()).map(ScoredSpan::span).collect();
    let window = window(&text, gold.iter().chain(&predicted));
    let slice = |span: Span| text.slice(span).unwrap_or_default().to_owned();
    let mention = |case: &&ErrorCase| match case.head.as_ref().zip(case.tail.as_ref()) {
        Some((head, tail)) => related(case, &format!("{} – {}", slice(head.span()), slice(tail.span()))),
        None => Mention {
            gold: case.gold.as_ref().map(|gold| slice(gold.span())),
            gold_label: case.gold.as_ref().map(|gold| gold.label.clone()),
            predicted: case.predicted.as_ref().map(|found| slice(found.span())),
            predicted_label: case.predicted.as_ref().map(|found| found.label.clone()),
            score: case.predicted.as_ref().map(|found| format!("{:.2}", found.score)),
        },
    };
    let mentions: Vec<Mention> = cases.iter().map(mention).collect();
    let labels = mentions.iter().flat_map(|mention| [&mention.gold_label, &mention.predicted_label]);
    Quote {
        system: system.map(str::to_owned),
        labels: in_order(labels.flatten().map(String::as_str)).into_iter().map(str::to_owned).collect(),
        cut_before: window.start > 0,
        cut_after: window.end < text.chars(),
        segments: segments(&text, window, &gold, &predicted),
        mentions,
    }
}

/// What both sides say of a pair.
fn related(case: &ErrorCase, pair: &str) -> Mention {
    Mention {
        gold: case.gold_relation.as_ref().map(|_| pair.to_owned()),
        gold_label: case.gold_relation.clone(),
        predicted: case.predicted_relation.as_ref().map(|_| pair.to_owned()),
        predicted_label: case.predicted_relation.clone(),
        score: Some(String::new()),
    }
}

/// The part of the text that is shown: all marks with some context, cut between words.
fn window<'a>(text: &CharOffsets<'_>, marks: impl Iterator<Item = &'a Span> + Clone) -> Span {
    let first = marks.clone().map(|mark| mark.start).min().unwrap_or(0).min(text.chars());
    let last = marks.map(|mark| mark.end).max().unwrap_or(0).min(text.chars());
    let is_space = |at: &u32| text.slice(Span::new(*at, at + 1)).is_ok_and(|one| one.trim().is_empty());
    let start = match first.saturating_sub(CONTEXT) {
        0 => 0,
        // One before, so that a word that starts just here is kept.
        from => (from - 1..first).find(is_space).map_or(first, |space| space + 1),
    };
    let end = match last.saturating_add(CONTEXT) {
        to if to >= text.chars() => text.chars(),
        to => (last..to).rev().find(is_space).unwrap_or(last),
    };
    Span::new(start, end)
}

/// Cuts the window wherever a mark begins or ends, so that overlapping marks nest without crossing.
fn segments(text: &CharOffsets<'_>, window: Span, gold: &[Span], predicted: &[Span]) -> Vec<Segment> {
    let ends = gold.iter().chain(predicted).flat_map(|span| [span.start, span.end]);
    let mut cuts: Vec<u32> =
        ends.chain([window.start, window.end]).filter(|cut| (window.start..=window.end).contains(cut)).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let segment = |pair: &[u32]| {
        let piece = Span::new(pair[0], pair[1]);
        let within = |spans: &[Span]| spans.iter().any(|span| span.overlaps(piece));
        let text = text.slice(piece).unwrap_or_default().to_owned();
        Segment { text, gold: within(gold), predicted: within(predicted) }
    };
    cuts.windows(2).map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, gold: &[(u32, u32)], predicted: &[(u32, u32)], expected: &[(&str, bool, bool)]) {
        let spans = |pairs: &[(u32, u32)]| pairs.iter().map(|&(start, end)| Span::new(start, end)).collect::<Vec<_>>();
        let offsets = CharOffsets::new(text);
        let found = segments(&offsets, Span::new(0, offsets.chars()), &spans(gold), &spans(predicted));
        let found: Vec<_> = found.iter().map(|one| (one.text.as_str(), one.gold, one.predicted)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn marks_are_cut_where_they_cross() {
        check("né à Lyon", &[(0, 2)], &[], &[("né", true, false), (" à Lyon", false, false)]);
        check("abcdef", &[(0, 4)], &[(2, 6)], &[("ab", true, false), ("cd", true, true), ("ef", false, true)]);
        check(
            "abcdef",
            &[(1, 5)],
            &[(2, 3)],
            &[("a", false, false), ("b", true, false), ("c", true, true), ("de", true, false), ("f", false, false)],
        );
        check("abc", &[(1, 99)], &[], &[("a", false, false), ("bc", true, false)]);
        check("", &[], &[], &[]);
    }

    #[test]
    fn relations_are_shown_between_their_ends() {
        let case = ErrorCase {
            text: "BRCA1 in cancer".to_owned(),
            head: Some(Entity::new(Span::new(0, 5), "Gene")),
            tail: Some(Entity::new(Span::new(9, 15), "Disease")),
            predicted_relation: Some("positive".to_owned()),
            ..ErrorCase::default()
        };
        let quote = quote(&[&case], None);
        assert_eq!(quote.labels, ["positive"]);
        let marked: Vec<_> = quote.segments.iter().filter(|one| one.gold).map(|one| one.text.as_str()).collect();
        assert_eq!(marked, ["BRCA1", "cancer"]);
        let mention = &quote.mentions[0];
        assert_eq!((mention.gold.as_deref(), mention.gold_label.as_deref()), (None, None));
        let predicted = (mention.predicted.as_deref(), mention.predicted_label.as_deref());
        assert_eq!(predicted, (Some("BRCA1 – cancer"), Some("positive")));
    }

    #[test]
    fn long_texts_are_cut_between_words() {
        let text = "word ".repeat(200);
        let offsets = CharOffsets::new(&text);
        assert_eq!(window(&offsets, [Span::new(500, 504)].iter()), Span::new(340, 659));
        assert_eq!(window(&offsets, [Span::new(0, 4)].iter()), Span::new(0, 159));
        assert_eq!(window(&offsets, [Span::new(995, 5000)].iter()), Span::new(835, 1000));
    }
}
