//! Consistency of mentions over the data set: the commonest fault of generated labels is a mention left unlabelled.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use clinsynth_contract::{CharOffsets, Entity, Example, Origin, Relation, Span};

use crate::dictionary::{Lengths, Occurrence, key, occurrences};
use crate::ledger::Ledger;
use crate::{MentionPolicy, MentionSettings, Reason};

/// How often a string is labelled, and how often it stands bare.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub(crate) labels: BTreeMap<String, u32>,
    bare: u32,
}

impl Usage {
    fn labelled(&self) -> u32 {
        self.labels.values().sum()
    }

    /// The label of most mentions; the first by name among equals.
    pub(crate) fn usual(&self) -> &str {
        self.labels.iter().rev().max_by_key(|&(_, count)| count).map_or("", |(label, _)| label)
    }
}

/// Flags label conflicts and forgotten mentions, and treats the latter by the policy.
///
/// A string counts as forgotten where it is a whole word (no hyphen next to it: `non-CF` is not `CF`), outside every
/// mention, labelled at least `min_count` times in the data set and in `min_share` of its occurrences. Occurrences
/// inside a longer mention count neither way.
pub(crate) fn check_mentions(examples: Vec<Example>, settings: &MentionSettings, ledger: &mut Ledger) -> Vec<Example> {
    let mut usages = labelled_usages(&examples);
    for example in &examples {
        flag_conflicts(example, &usages, ledger);
    }
    usages.retain(|_, usage| usage.labelled() >= settings.min_count);
    let lengths = lengths(&examples, &usages);
    let bare: Vec<Vec<Occurrence>> =
        examples.iter().map(|example| bare_occurrences(example, &usages, &lengths)).collect();
    for occurrence in bare.iter().flatten() {
        if let Some(usage) = usages.get_mut(&occurrence.key) {
            usage.bare += 1;
        }
    }
    let is_forgotten = |occurrence: &Occurrence| {
        usages.get(&occurrence.key).is_some_and(|usage| {
            let labelled = f64::from(usage.labelled());
            labelled >= settings.min_share * (labelled + f64::from(usage.bare))
        })
    };
    let mut kept = Vec::with_capacity(examples.len());
    for (example, mut bare) in examples.into_iter().zip(bare) {
        bare.retain(is_forgotten);
        kept.extend(apply_policy(example, &bare, &usages, settings.policy, ledger));
    }
    kept
}

fn apply_policy(
    mut example: Example,
    forgotten: &[Occurrence],
    usages: &HashMap<String, Usage>,
    policy: MentionPolicy,
    ledger: &mut Ledger,
) -> Option<Example> {
    let finding = |occurrence: &Occurrence| {
        let Occurrence { span, key } = occurrence;
        let usage = &usages[key];
        let (labelled, all) = (usage.labelled(), usage.labelled() + usage.bare);
        let label = usage.usual();
        let detail = format!("`{key}` at {} is `{label}` in {labelled} of {all} occurrences", span.start);
        (Reason::InconsistentMention, detail)
    };
    match (policy, forgotten) {
        (_, []) => return Some(example),
        (MentionPolicy::Drop, [first, ..]) => {
            ledger.set_aside(&example, finding(first));
            return None;
        }
        (MentionPolicy::Keep, _) => {}
        (MentionPolicy::Label, _) => {
            let added = forgotten.iter().map(|bare| Entity::new(bare.span, usages[&bare.key].usual()));
            add_mentions(&mut example, added.collect());
        }
    }
    for occurrence in forgotten {
        ledger.flag(&example, finding(occurrence));
    }
    Some(example)
}

/// Adds mentions in their places; relations keep pointing at the same mentions.
fn add_mentions(example: &mut Example, added: Vec<Entity>) {
    example.provenance.origin = Origin::Weak;
    let old = std::mem::take(&mut example.entities);
    let mut placed: Vec<(Option<usize>, Entity)> =
        old.into_iter().enumerate().map(|(index, entity)| (Some(index), entity)).collect();
    placed.extend(added.into_iter().map(|entity| (None, entity)));
    placed.sort_by_key(|(_, entity)| entity.start);
    let moved = |index: u32| {
        let place = placed.iter().position(|&(old, _)| old == Some(index as usize));
        place.map_or(index, |place| place as u32)
    };
    let relations = std::mem::take(&mut example.relations);
    example.relations = relations
        .into_iter()
        .map(|relation| Relation { head: moved(relation.head), tail: moved(relation.tail), ..relation })
        .collect();
    example.entities = placed.into_iter().map(|(_, entity)| entity).collect();
}

/// The mentions of an example with their keys.
fn mentions(example: &Example) -> Vec<(&Entity, String)> {
    let offsets = CharOffsets::new(&example.text);
    let keyed = |entity| -> Option<(&Entity, String)> {
        let entity: &Entity = entity;
        offsets.slice(entity.span()).ok().map(|slice| (entity, key(slice)))
    };
    example.entities.iter().filter_map(keyed).collect()
}

fn labelled_usages(examples: &[Example]) -> HashMap<String, Usage> {
    let mut usages: HashMap<String, Usage> = HashMap::new();
    for (entity, key) in examples.iter().flat_map(mentions) {
        *usages.entry(key).or_default().labels.entry(entity.label.clone()).or_default() += 1;
    }
    usages
}

fn flag_conflicts(example: &Example, usages: &HashMap<String, Usage>, ledger: &mut Ledger) {
    for (entity, key) in mentions(example) {
        let usage = &usages[&key];
        if usage.usual() != entity.label {
            let (usual, all) = (usage.usual(), usage.labelled());
            let detail = format!(
                "`{key}` is `{}` here and `{usual}` in {} of {all} mentions",
                entity.label, usage.labels[usual],
            );
            ledger.flag(example, (Reason::LabelConflict, detail));
        }
    }
}

/// How long the labelled strings that count are.
fn lengths(examples: &[Example], usages: &HashMap<String, Usage>) -> Lengths {
    let mut lengths = Lengths::default();
    for example in examples {
        let offsets = CharOffsets::new(&example.text);
        for slice in example.entities.iter().filter_map(|entity| offsets.slice(entity.span()).ok()) {
            if usages.contains_key(&key(slice)) {
                lengths.add(slice);
            }
        }
    }
    lengths
}

/// The leftmost, longest known strings of a text that touch no mention.
fn bare_occurrences(example: &Example, usages: &HashMap<String, Usage>, lengths: &Lengths) -> Vec<Occurrence> {
    let text = example.text.as_str();
    let is_free = |span: Span| !example.entities.iter().any(|entity| entity.span().overlaps(span));
    occurrences(text, lengths, |found, bytes| {
        stands_alone(text, bytes) && is_free(found.span) && usages.contains_key(&found.key)
    })
}

/// Whether no hyphen or dash joins a stretch of text to what stands beside it.
fn stands_alone(text: &str, bytes: Range<usize>) -> bool {
    let dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2014}' | '/');
    !text[..bytes.start].ends_with(dash) && !text[bytes.end..].starts_with(dash)
}
