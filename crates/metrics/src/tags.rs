//! Scoring of tag sequences, for comparison with seqeval and for corpora that exist as tags only.

use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Prefix, TagSpan, decode_tags};

use crate::{Counts, Figures, MetricsError, macro_average};

/// How mentions are read out of tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagReading {
    /// As conlleval and seqeval's default mode: a tag that continues nothing starts a mention. Prefixes B, I, O, E, S.
    #[default]
    Lenient,
    /// As seqeval's `mode="strict", scheme=IOB2`: a mention is a B and the I of the same label that follow; an I that
    /// continues nothing is no mention. Prefixes B, I, O.
    StrictIob2,
}

/// Counts and averages over tag sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct TagScores {
    /// Counts of each label that occurs as a mention in gold or predictions.
    pub labels: BTreeMap<String, Counts>,
    /// Counts over all labels; its figures are the micro average.
    pub micro: Counts,
    /// Unweighted mean over the labels.
    pub macro_average: Figures,
}

/// Scores predicted tag sequences against gold ones as seqeval 1.2 does: a mention is correct when gold has the same
/// words under the same label. A tag without a label (`B`) has the label `_`.
///
/// Errors: sequences that do not pair up in number or length, and tags outside the reading.
pub fn score_tags<S: AsRef<str>>(
    gold: &[Vec<S>],
    predicted: &[Vec<S>],
    reading: TagReading,
) -> Result<TagScores, MetricsError> {
    check_lengths(|| "number of sequences".to_owned(), gold.len(), predicted.len())?;
    let mut names = Names::default();
    let mut counts: Vec<Counts> = Vec::new();
    for (index, (golds, found)) in gold.iter().zip(predicted).enumerate() {
        check_lengths(|| format!("tags of sequence {index}"), golds.len(), found.len())?;
        let golds = read(golds, reading, &mut names)?;
        let found = read(found, reading, &mut names)?;
        counts.resize(names.0.len(), Counts::default());
        for span in &golds {
            counts[span.label].support += 1;
        }
        for span in &found {
            counts[span.label].predicted += 1;
            counts[span.label].correct += u64::from(golds.contains(span));
        }
    }
    let labels: BTreeMap<String, Counts> = names
        .0
        .into_iter()
        .map(|(name, index)| (name.to_owned(), counts[index]))
        .filter(|(_, counts)| counts.occurs())
        .collect();
    let micro = labels.values().copied().sum();
    let macro_average = macro_average(labels.values().copied());
    Ok(TagScores { labels, micro, macro_average })
}

fn check_lengths(what: impl Fn() -> String, gold: usize, predicted: usize) -> Result<(), MetricsError> {
    if gold == predicted { Ok(()) } else { Err(MetricsError::UnequalLengths { what: what(), gold, predicted }) }
}

/// Label names by first appearance.
#[derive(Default)]
struct Names<'t>(BTreeMap<&'t str, usize>);

impl<'t> Names<'t> {
    fn index(&mut self, name: &'t str) -> usize {
        let next = self.0.len();
        *self.0.entry(name).or_insert(next)
    }
}

fn read<'t, S: AsRef<str>>(
    tags: &'t [S],
    reading: TagReading,
    names: &mut Names<'t>,
) -> Result<BTreeSet<TagSpan>, MetricsError> {
    let tags: Vec<(Prefix, usize)> =
        tags.iter().map(|tag| split_tag(tag.as_ref(), reading, names)).collect::<Result<_, _>>()?;
    let spans = match reading {
        TagReading::Lenient => decode_tags(tags),
        TagReading::StrictIob2 => decode_strict(&tags),
    };
    Ok(spans.into_iter().collect())
}

fn split_tag<'t>(tag: &'t str, reading: TagReading, names: &mut Names<'t>) -> Result<(Prefix, usize), MetricsError> {
    let strict = reading == TagReading::StrictIob2;
    let mut letters = tag.chars();
    let prefix = match letters.next() {
        Some('O') => return Ok((Prefix::Outside, 0)),
        Some('B') => Prefix::Begin,
        Some('I') => Prefix::Inside,
        Some('E') if !strict => Prefix::End,
        Some('S') if !strict => Prefix::Single,
        _ => {
            let allowed = if strict { "`B`, `I`, `O`" } else { "`B`, `I`, `O`, `E`, `S`" };
            return Err(MetricsError::UnknownTag { tag: tag.to_owned(), allowed });
        }
    };
    let rest = letters.as_str();
    let label = rest.split_once('-').map_or(rest, |(_, label)| label);
    Ok((prefix, names.index(if label.is_empty() { "_" } else { label })))
}

fn decode_strict(tags: &[(Prefix, usize)]) -> Vec<TagSpan> {
    let mut spans = Vec::new();
    for (first, &(prefix, label)) in tags.iter().enumerate() {
        if prefix == Prefix::Begin {
            let inside = tags[first + 1..].iter().take_while(|&&tag| tag == (Prefix::Inside, label)).count();
            spans.push(TagSpan { first, last: first + 1 + inside, label });
        }
    }
    spans
}
