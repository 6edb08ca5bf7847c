use std::cmp::Reverse;
use std::ops::Range;

use clinsynth_contract::{CharOffsets, Entity, Example, Quarantined, Span, TagSet};

use crate::{EncodingError, Word};

/// What happens to an entity whose span is not that of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misfit {
    /// It begins or ends inside a word: the tags take the whole word.
    InsideWord,
    /// It begins or ends on white space: the tags begin or end with its words.
    OverSpace,
    /// It covers white space only: no tag.
    WithoutWord,
    /// A longer entity has some of its words: no tag.
    Overlaps,
}

impl Misfit {
    const fn reason(self) -> &'static str {
        match self {
            Self::InsideWord => "span_inside_word",
            Self::OverSpace => "span_over_space",
            Self::WithoutWord => "span_without_word",
            Self::Overlaps => "span_overlaps",
        }
    }
}

/// An entity on the words of its text.
struct Placed<'e> {
    entity: &'e Entity,
    label: usize,
    words: Range<usize>,
}

/// The tag of each word of an example, and a row for each entity whose span the tags do not say exactly.
///
/// Errors: [`EncodingError::UnknownLabel`], [`EncodingError::Span`].
pub(crate) fn tag_words(
    example: &Example,
    words: &[Word<'_>],
    labels: &TagSet,
) -> Result<(Vec<u32>, Vec<Quarantined>), EncodingError> {
    let offsets = CharOffsets::new(&example.text);
    let mut placed = Vec::new();
    for entity in &example.entities {
        offsets.slice(entity.span()).map_err(|source| EncodingError::Span { example: example.id.clone(), source })?;
        let label = labels.label_index(&entity.label).ok_or_else(|| EncodingError::UnknownLabel {
            example: example.id.clone(),
            label: entity.label.clone(),
            known: labels.labels().join(", "),
        })?;
        placed.push(Placed { entity, label, words: covered(words, entity.span()) });
    }
    let (tags, kept) = write_tags(words.len(), &placed, labels);
    let misaligned = placed.iter().zip(kept).filter_map(|(placed, kept)| {
        let misfit = misfit(placed, words, kept)?;
        Some(report(example, placed, words, misfit, &offsets))
    });
    Ok((tags, misaligned.collect()))
}

/// The words that share a character with a span.
pub(crate) fn covered(words: &[Word<'_>], span: Span) -> Range<usize> {
    let first = words.partition_point(|word| word.span.end <= span.start);
    first..words.partition_point(|word| word.span.start < span.end).max(first)
}

/// Tags the entities, the longest first (of equal ones the first), and says which of them found their words free.
fn write_tags(words: usize, placed: &[Placed<'_>], labels: &TagSet) -> (Vec<u32>, Vec<bool>) {
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by_key(|&index| (Reverse(placed[index].entity.span().len()), placed[index].entity.start));
    let mut tags = vec![TagSet::OUTSIDE; words];
    let mut kept = vec![false; placed.len()];
    for index in order {
        let Placed { label, words, .. } = &placed[index];
        let slots = &mut tags[words.clone()];
        if slots.iter().all(|&tag| tag == TagSet::OUTSIDE) {
            labels.spell(*label, slots);
            kept[index] = true;
        }
    }
    (tags, kept)
}

fn misfit(placed: &Placed<'_>, words: &[Word<'_>], kept: bool) -> Option<Misfit> {
    let span = placed.entity.span();
    let Some(tagged) = bounds(&words[placed.words.clone()]) else { return Some(Misfit::WithoutWord) };
    if !kept {
        Some(Misfit::Overlaps)
    } else if tagged.start < span.start || span.end < tagged.end {
        Some(Misfit::InsideWord)
    } else if tagged != span {
        Some(Misfit::OverSpace)
    } else {
        None
    }
}

fn bounds(words: &[Word<'_>]) -> Option<Span> {
    Some(Span::new(words.first()?.span.start, words.last()?.span.end))
}

fn report(
    example: &Example,
    placed: &Placed<'_>,
    words: &[Word<'_>],
    misfit: Misfit,
    offsets: &CharOffsets<'_>,
) -> Quarantined {
    let named = |span: Span| format!("`{}` at {}..{}", offsets.slice(span).unwrap_or_default(), span.start, span.end);
    let entity = format!("`{}` {}", placed.entity.label, named(placed.entity.span()));
    let detail = match (misfit, bounds(&words[placed.words.clone()])) {
        (Misfit::InsideWord | Misfit::OverSpace, Some(tagged)) => format!("{entity} was tagged as {}", named(tagged)),
        (Misfit::Overlaps, _) => format!("{entity} was left out: a longer entity has some of its words"),
        _ => format!("{entity} was left out: it holds no word"),
    };
    Quarantined {
        id: example.id.clone(),
        stage: "encode".to_owned(),
        reason: misfit.reason().to_owned(),
        detail,
        request: example.provenance.request.clone(),
        text: example.text.clone(),
        sensitivity: example.sensitivity,
    }
}

/// The entities that tags over words say, by start; malformed sequences are read as [`TagSet::decode`] does.
///
/// Panics: when there are more tags than words, or a tag is not of the set.
pub fn spans(tags: &[u32], words: &[Span], labels: &TagSet) -> Vec<Entity> {
    labels
        .decode(tags)
        .into_iter()
        .map(|found| {
            let span = Span::new(words[found.first].start, words[found.last - 1].end);
            Entity::new(span, labels.labels()[found.label].as_str())
        })
        .collect()
}
