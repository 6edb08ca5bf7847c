use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use clinsynth_contract::{Encoding, Entity, Example, Quarantined};
use serde::{Deserialize, Serialize};

use crate::subtokens::{Cache, SubTokens};
use crate::tags::covered;
use crate::{Encoded, Encoder, EncodingError, Word, words};

/// How a model is shown which two entities are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairForm {
    /// Each is replaced by its label, as in `@GENE$` (Lee et al. 2020): the model cannot learn names by heart.
    #[default]
    Mask,
    /// Each stands between markers, `[E1] … [/E1]` and `[E2] … [/E2]` (Baldini Soares et al. 2019).
    Mark,
}

impl PairForm {
    /// The tokens that the tokenizer has to know: opening and closing marker of the head, then of the tail.
    pub const fn markers(self) -> &'static [&'static str] {
        match self {
            Self::Mask => &[],
            Self::Mark => &["[E1]", "[/E1]", "[E2]", "[/E2]"],
        }
    }
}

/// Which pairs of an example are judged, and how they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairSettings {
    /// How they are shown.
    pub form: PairForm,
    /// Labels of head and tail: every such pair is judged, besides those that the example lists.
    pub between: Vec<[String; 2]>,
    /// Class of a pair that the example does not list.
    pub unlisted: Option<String>,
}

impl Encoder {
    /// Encodes the pairs of examples, a row each: those that an example lists as relations, then those of
    /// [`PairSettings::between`], by head and tail. A long text is cut around its pair; `class` is the relation's place
    /// in `classes`. Without classes, labels are not looked at and `class` is empty.
    ///
    /// What cannot be shown is reported and has no row: `pair_overlaps` (masks would cover each other), `pair_too_far`
    /// (no window holds both), `span_without_word`.
    ///
    /// Errors: [`EncodingError::Tokenize`], [`EncodingError::NoMarker`], [`EncodingError::NoEntity`] for an index that
    /// points at no entity, [`EncodingError::UnknownRelation`] for a relation that is none of the classes.
    pub fn encode_pairs(
        &self,
        examples: &[Example],
        settings: &PairSettings,
        classes: Option<&[String]>,
    ) -> Result<Encoded, EncodingError> {
        let shown = Shown::new(&self.sub_tokens, settings.form, examples)?;
        let mut cache = Cache::new();
        let mut encoded = Encoded::default();
        for example in examples {
            let words = words(&example.text);
            self.sub_tokens.fill(&mut cache, words.iter().map(|word| word.text), self.budget())?;
            let ids: Vec<&[u32]> = words.iter().map(|word| cache[word.text].as_slice()).collect();
            for (number, (pair, label)) in (0..).zip(candidates(example, settings)?) {
                let class = class_of(example, label, classes)?;
                match self.encode_pair(example, &words, &ids, pair, &shown) {
                    Ok(row) => encoded.encodings.push(Encoding { window: number, class, ..row }),
                    Err(reason) => encoded.misaligned.push(report(example, pair, reason)),
                }
            }
        }
        Ok(encoded)
    }

    fn encode_pair(
        &self,
        example: &Example,
        words: &[Word<'_>],
        ids: &[&[u32]],
        pair: [u32; 2],
        shown: &Shown,
    ) -> Result<Encoding, &'static str> {
        let entities = pair.map(|index| &example.entities[index as usize]);
        let places = entities.map(|entity| covered(words, entity.span()));
        if places.iter().any(Range::is_empty) {
            return Err("span_without_word");
        }
        let pieces = shown.pieces(entities, &places, ids)?;
        let window = window(&pieces, self.budget()).ok_or("pair_too_far")?;
        let inside: Vec<i32> =
            pieces[window.clone()].iter().map(|piece| piece.word).filter(|&word| word >= 0).collect();
        let SubTokens { opening, closing, .. } = &self.sub_tokens;
        let (mut input_ids, mut token_words) = (opening.clone(), vec![-1; opening.len()]);
        let mut entity_starts = [0, 0];
        // Words that a mask stands for are not in the row, so that those which are count on without a gap.
        let mut word = -1;
        for piece in &pieces[window] {
            if let Some(entity) = piece.starts {
                entity_starts[entity] = input_ids.len() as u32;
            }
            word += i32::from(piece.word >= 0);
            token_words.resize(token_words.len() + piece.ids.len(), if piece.word >= 0 { word } else { -1 });
            input_ids.extend(piece.ids);
        }
        input_ids.extend(closing);
        token_words.resize(input_ids.len(), -1);
        let bounds = inside.iter().map(|&index| words[index as usize].span);
        Ok(Encoding {
            example: example.id.clone(),
            document: example.document.clone(),
            input_ids,
            token_words,
            word_starts: bounds.clone().map(|span| span.start).collect(),
            word_ends: bounds.map(|span| span.end).collect(),
            owned_from: 0,
            owned_to: inside.len() as u32,
            pair: pair.to_vec(),
            entity_starts: entity_starts.to_vec(),
            sensitivity: example.sensitivity,
            ..Encoding::default()
        })
    }
}

/// Head and tail, and the label that the example lists for them.
type Candidate<'e> = ([u32; 2], Option<&'e str>);

/// The pairs of an example to be judged, each once, with the label that it lists for them.
fn candidates<'e>(example: &'e Example, settings: &'e PairSettings) -> Result<Vec<Candidate<'e>>, EncodingError> {
    let entities = example.entities.len() as u32;
    let mut pairs = Vec::new();
    let mut seen = BTreeSet::new();
    for relation in &example.relations {
        let pair = [relation.head, relation.tail];
        if let Some(&index) = pair.iter().find(|&&index| index >= entities) {
            return Err(EncodingError::NoEntity { example: example.id.clone(), index, entities });
        }
        if seen.insert(pair) {
            pairs.push((pair, Some(relation.label.as_str())));
        }
    }
    let label = |index: u32| &example.entities[index as usize].label;
    for pair in (0..entities).flat_map(|head| (0..entities).map(move |tail| [head, tail])) {
        let [head, tail] = pair;
        let asked = settings.between.iter().any(|[first, second]| (first, second) == (label(head), label(tail)));
        if asked && head != tail && seen.insert(pair) {
            pairs.push((pair, settings.unlisted.as_deref()));
        }
    }
    Ok(pairs)
}

fn class_of(example: &Example, label: Option<&str>, classes: Option<&[String]>) -> Result<Option<u32>, EncodingError> {
    let (Some(label), Some(classes)) = (label, classes) else { return Ok(None) };
    let place = classes.iter().position(|class| class == label);
    let unknown = || EncodingError::UnknownRelation {
        example: example.id.clone(),
        label: label.to_owned(),
        known: classes.join(", "),
    };
    place.map(|place| Some(place as u32)).ok_or_else(unknown)
}

fn report(example: &Example, pair: [u32; 2], reason: &str) -> Quarantined {
    let [head, tail] = pair.map(|index| {
        let Entity { start, end, label, .. } = &example.entities[index as usize];
        format!("`{label}` at {start}..{end}")
    });
    Quarantined {
        id: example.id.clone(),
        stage: "encode".to_owned(),
        reason: reason.to_owned(),
        detail: format!("the pair of {head} and {tail} was left out"),
        request: example.provenance.request.clone(),
        text: example.text.clone(),
        sensitivity: example.sensitivity,
    }
}

/// Sub-tokens that stay together: a word, a marker, a mask.
#[derive(Clone, Copy)]
struct Piece<'p> {
    ids: &'p [u32],
    /// Index of the word, or -1.
    word: i32,
    /// Which of the two entities it starts.
    starts: Option<usize>,
    /// Whether the window must hold it.
    needed: bool,
}

/// What entities are shown with.
enum Shown {
    /// The mask of each label.
    Masks(BTreeMap<String, Vec<u32>>),
    /// Opening and closing marker of head and tail.
    Markers([[Vec<u32>; 2]; 2]),
}

impl Shown {
    fn new(sub_tokens: &SubTokens, form: PairForm, examples: &[Example]) -> Result<Self, EncodingError> {
        if form == PairForm::Mark {
            let marker = |place: usize| {
                let marker = form.markers()[place];
                let missing = || EncodingError::NoMarker { path: sub_tokens.path.clone(), marker: marker.to_owned() };
                sub_tokens.special(marker).map(|id| vec![id]).ok_or_else(missing)
            };
            return Ok(Self::Markers([[marker(0)?, marker(1)?], [marker(2)?, marker(3)?]]));
        }
        let labels: BTreeSet<&String> =
            examples.iter().flat_map(|example| &example.entities).map(|entity| &entity.label).collect();
        let mask = |label: &String| {
            let mask = format!("@{}$", label.to_uppercase());
            let parts = words(&mask).iter().map(|word| sub_tokens.ids(word.text)).collect::<Result<Vec<_>, _>>()?;
            Ok((label.clone(), parts.concat()))
        };
        labels.into_iter().map(mask).collect::<Result<_, _>>().map(Self::Masks)
    }

    /// The text in pieces, with what shows the two entities, whose words are `places`.
    fn pieces<'p>(
        &'p self,
        entities: [&Entity; 2],
        places: &[Range<usize>; 2],
        ids: &[&'p [u32]],
    ) -> Result<Vec<Piece<'p>>, &'static str> {
        let extra = |ids: &'p [u32], starts| Piece { ids, word: -1, starts, needed: true };
        let mut pieces = Vec::with_capacity(ids.len() + 4);
        // Of two that start together the longer opens first, and closes last.
        let mut order = [0, 1];
        order.sort_by_key(|&entity| (places[entity].start, std::cmp::Reverse(places[entity].end)));
        if matches!(self, Self::Masks(_)) && places[order[1]].start < places[order[0]].end {
            return Err("pair_overlaps");
        }
        for word in 0..=ids.len() {
            if let Self::Markers(markers) = self {
                let closing = order.iter().rev().filter(|&&entity| places[entity].end == word);
                pieces.extend(closing.map(|&entity| extra(&markers[entity][1], None)));
            }
            for &entity in order.iter().filter(|&&entity| places[entity].start == word) {
                pieces.push(match self {
                    Self::Markers(markers) => extra(&markers[entity][0], Some(entity)),
                    Self::Masks(masks) => extra(&masks[&entities[entity].label], Some(entity)),
                });
            }
            let masked = matches!(self, Self::Masks(_)) && places.iter().any(|place| place.contains(&word));
            if let Some(ids) = ids.get(word).filter(|_| !masked) {
                let needed = places.iter().any(|place| place.contains(&word));
                pieces.push(Piece { ids, word: word as i32, starts: None, needed });
            }
        }
        Ok(pieces)
    }
}

/// The pieces that fit the budget: all that must be there and what stands between, then neighbours left and right in
/// turn.
fn window(pieces: &[Piece<'_>], budget: usize) -> Option<Range<usize>> {
    let mut first = pieces.iter().position(|piece| piece.needed)?;
    let mut last = pieces.iter().rposition(|piece| piece.needed)? + 1;
    let mut room = budget.checked_sub(pieces[first..last].iter().map(|piece| piece.ids.len()).sum())?;
    loop {
        let mut grown = false;
        if let Some(rest) = first.checked_sub(1).and_then(|left| room.checked_sub(pieces[left].ids.len())) {
            (first, room, grown) = (first - 1, rest, true);
        }
        if let Some(rest) = pieces.get(last).and_then(|right| room.checked_sub(right.ids.len())) {
            (last, room, grown) = (last + 1, rest, true);
        }
        if !grown {
            return Some(first..last);
        }
    }
}
