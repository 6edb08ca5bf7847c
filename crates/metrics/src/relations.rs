//! Relations of each document as confusion matrices: of pairs of mentions, and of pairs of concepts.

use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{CharOffsets, Entity, ErrorCase, Example, Prediction, Span};

use crate::board::{Block, Content, CountTable};
use crate::calibration::Calibration;
use crate::evaluate::{CONCEPT, Counted, PAIR, document_of};
use crate::{EvaluationSettings, MetricsError};

/// Offsets and label of both mentions, head first.
type Pair<'e> = [(Span, &'e str); 2];

/// The classes of one pair other than no relation: gold and predicted.
type Sides = [BTreeSet<usize>; 2];

/// The pairs of concepts of one document.
type Concepts = BTreeMap<[String; 2], Sides>;

/// Counts every pair of gold and prediction. A pair that one side does not list has no relation there.
pub(crate) fn count_relations(
    pairs: &[(&Example, &Prediction)],
    settings: &EvaluationSettings,
    negative: &str,
) -> Result<Counted, MetricsError> {
    let classes = Classes::new(&settings.labels, negative);
    let number = classes.0.len();
    let with_concepts = pairs.iter().flat_map(|(gold, _)| &gold.entities).any(|entity| entity.concept.is_some());
    let mut documents: BTreeMap<&str, (Vec<u32>, Concepts)> = BTreeMap::new();
    let mut calibration = Calibration::new(number, settings.bins);
    let mut errors = Vec::new();
    for &(example, prediction) in pairs {
        let marked = Marked::read(example, prediction, &classes)?;
        let document =
            documents.entry(document_of(example)).or_insert_with(|| (vec![0; number * number], Concepts::new()));
        for (pair, sides) in &marked.pairs {
            for (gold, found) in classes.align(sides) {
                document.0[gold * number + found] += 1;
                if gold != found {
                    errors.push(marked.error(pair, [gold, found], &classes));
                }
            }
        }
        for &(pair, class, score) in &marked.judged {
            let gold = &marked.pairs[&pair][0];
            calibration.add(class, score, if class == number - 1 { gold.is_empty() } else { gold.contains(&class) });
        }
        if with_concepts {
            marked.add_concepts(&mut document.1);
        }
    }
    let rows = documents.into_values().map(|(mut cells, concepts)| {
        if with_concepts {
            cells.resize(2 * number * number, 0);
            for (gold, found) in concepts.values().flat_map(|sides| classes.align(sides)) {
                cells[number * (number + gold) + found] += 1;
            }
        }
        cells
    });
    let table = CountTable::new(number * number * if with_concepts { 2 } else { 1 }, rows);
    let blocks = blocks(&table.total(), &classes);
    Ok(Counted { table, blocks, calibration, scheme: PAIR, errors })
}

/// The classes of relations; the last one stands for no relation.
pub(crate) struct Classes(pub(crate) Vec<String>);

impl Classes {
    fn new(labels: &[String], negative: &str) -> Self {
        let positive = labels.iter().filter(|label| *label != negative).cloned();
        Self(positive.chain(std::iter::once(negative.to_owned())).collect())
    }

    /// A label that is not scored counts as no relation.
    fn of(&self, label: &str) -> usize {
        self.0.iter().position(|class| class == label).unwrap_or(self.0.len() - 1)
    }

    /// The cells (gold, predicted) of one pair: what both sides say, then what they say instead of each other, then what
    /// one of them says alone. So precision and recall of each class are those of sets of (pair, class).
    fn align(&self, [gold, found]: &Sides) -> Vec<(usize, usize)> {
        let nothing = self.0.len() - 1;
        let mut cells: Vec<_> = gold.intersection(found).map(|&class| (class, class)).collect();
        let (mut missed, mut spurious) = (gold.difference(found), found.difference(gold));
        loop {
            match (missed.next(), spurious.next()) {
                (None, None) => break,
                (gold, found) => cells.push((*gold.unwrap_or(&nothing), *found.unwrap_or(&nothing))),
            }
        }
        if cells.is_empty() {
            cells.push((nothing, nothing));
        }
        cells
    }
}

/// One example with the classes of its pairs on both sides.
struct Marked<'e> {
    example: &'e Example,
    prediction: &'e Prediction,
    pairs: BTreeMap<Pair<'e>, Sides>,
    /// Pairs in the order of the prediction, with predicted class and score.
    judged: Vec<(Pair<'e>, usize, f32)>,
}

impl<'e> Marked<'e> {
    fn read(example: &'e Example, prediction: &'e Prediction, classes: &Classes) -> Result<Self, MetricsError> {
        let mut marked = Self { example, prediction, pairs: BTreeMap::new(), judged: Vec::new() };
        let gold: Vec<_> = example.entities.iter().map(|entity| (entity.span(), entity.label.as_str())).collect();
        for relation in &example.relations {
            let pair = marked.pair(&gold, [relation.head, relation.tail], "gold")?;
            marked.add(pair, classes.of(&relation.label), 0, classes);
        }
        let found: Vec<_> = prediction.spans.iter().map(|span| (span.span(), span.label.as_str())).collect();
        for relation in &prediction.relations {
            let pair = marked.pair(&found, [relation.head, relation.tail], "predicted")?;
            let class = classes.of(&relation.label);
            marked.add(pair, class, 1, classes);
            marked.judged.push((pair, class, relation.score));
        }
        Ok(marked)
    }

    fn pair(&self, mentions: &[(Span, &'e str)], ends: [u32; 2], side: &'static str) -> Result<Pair<'e>, MetricsError> {
        let mention = |index: u32| {
            mentions.get(index as usize).copied().ok_or_else(|| MetricsError::NoSuchMention {
                example: self.example.id.clone(),
                side,
                index,
                mentions: mentions.len(),
            })
        };
        Ok([mention(ends[0])?, mention(ends[1])?])
    }

    fn add(&mut self, pair: Pair<'e>, class: usize, side: usize, classes: &Classes) {
        let sides = self.pairs.entry(pair).or_default();
        if class + 1 < classes.0.len() {
            sides[side].insert(class);
        }
    }

    /// The gold mention of these offsets and this label, or else a mention without a concept.
    fn entity(&self, (span, label): (Span, &str)) -> Entity {
        let same = |entity: &&Entity| entity.span() == span && entity.label == label;
        self.example.entities.iter().find(same).cloned().unwrap_or_else(|| Entity::new(span, label))
    }

    fn error(&self, pair: &Pair<'_>, [gold, found]: [usize; 2], classes: &Classes) -> ErrorCase {
        let nothing = classes.0.len() - 1;
        let name = |class: usize| (class != nothing).then(|| classes.0[class].clone());
        let kind = match (name(gold), name(found)) {
            (_, None) => "missed",
            (None, _) => "spurious",
            _ => "label",
        };
        ErrorCase {
            example: self.example.id.clone(),
            text: self.example.text.clone(),
            kind: kind.to_owned(),
            head: Some(self.entity(pair[0])),
            tail: Some(self.entity(pair[1])),
            gold_relation: name(gold),
            predicted_relation: name(found),
            sensitivity: self.example.sensitivity.max(self.prediction.sensitivity),
            ..ErrorCase::default()
        }
    }

    /// Adds the pairs to those of the document's concepts. A pair of concepts has every relation that some pair of its
    /// mentions has.
    fn add_concepts(&self, document: &mut Concepts) {
        let offsets = CharOffsets::new(&self.example.text);
        for ([head, tail], sides) in &self.pairs {
            let tails = self.concepts(*tail, &offsets);
            for head in self.concepts(*head, &offsets) {
                for tail in &tails {
                    let known = document.entry([head.clone(), tail.clone()]).or_default();
                    known.iter_mut().zip(sides).for_each(|(known, more)| known.extend(more));
                }
            }
        }
    }

    /// The concepts of a mention: several when composite (`D001|D002`), its text in lower case when it has none.
    fn concepts(&self, mention: (Span, &str), offsets: &CharOffsets<'_>) -> Vec<String> {
        match self.entity(mention).concept {
            Some(concepts) => concepts.split('|').map(str::to_owned).collect(),
            None => vec![offsets.slice(mention.0).unwrap_or_default().to_lowercase()],
        }
    }
}

/// The model's figures and those of answering always with the most frequent relation, for pairs and then for concepts.
fn blocks(total: &[u64], classes: &Classes) -> Vec<Block> {
    let number = classes.0.len();
    let mut blocks = Vec::new();
    for (scheme, (index, cells)) in [PAIR, CONCEPT].into_iter().zip(total.chunks_exact(number * number).enumerate()) {
        let support: Vec<u64> = cells.chunks_exact(number).map(|row| row.iter().sum()).collect();
        let unrelated = support[number - 1];
        let negative = unrelated > 0 || cells.iter().skip(number - 1).step_by(number).any(|&count| count > 0);
        let complete = scheme == PAIR || unrelated > 0;
        let most = (0..number - 1).rev().max_by_key(|&class| support[class]).filter(|&class| support[class] > 0);
        for always in std::iter::once(None).chain(most.map(Some)) {
            blocks.push(Block {
                system: always.map_or_else(String::new, |class| format!("always {}", classes.0[class])),
                scheme,
                slice: String::new(),
                labels: classes.0.clone(),
                at: index * number * number,
                content: Content::Confusion { negative, complete, always },
            });
        }
    }
    blocks
}
