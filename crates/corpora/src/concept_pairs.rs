//! Relations between concepts as a list of every pair of concepts.

use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Entity, Example, Relation};

use crate::text::concepts;

/// Mentions of each concept under a label.
type Mentions<'e> = BTreeMap<(&'e str, &'e str), Vec<u32>>;

/// Lists every pair of concepts whose labels are a pair of `between`, each by the two mentions that stand nearest, so
/// that a model judges each pair of concepts once, where it is most likely to be spoken of. A pair that no relation of
/// the example holds between has the relation `unlisted`; other relations stay as they are.
///
/// A concept's own mentions speak for it; those that name several concepts only where it has no other.
pub fn list_concept_pairs(example: &mut Example, between: &[[String; 2]], unlisted: &str) {
    let entities = std::mem::take(&mut example.entities);
    let mentions = mentions_of_concepts(&entities);
    let mut listed: BTreeMap<[u32; 2], BTreeSet<&str>> = BTreeMap::new();
    let mut told = vec![false; example.relations.len()];
    for (head, heads) in &mentions {
        for (tail, tails) in &mentions {
            let asked = between.iter().any(|[first, second]| (first.as_str(), second.as_str()) == (head.0, tail.0));
            let Some(pair) = nearest(&entities, heads, tails).filter(|_| asked && head != tail) else { continue };
            let relations = listed.entry(pair).or_default();
            for (relation, told) in example.relations.iter().zip(&mut told) {
                if is_of(&entities, relation.head, *head) && is_of(&entities, relation.tail, *tail) {
                    relations.insert(&relation.label);
                    *told = true;
                }
            }
        }
    }
    let mut relations = Vec::new();
    for ([head, tail], labels) in listed {
        let labels = if labels.is_empty() { BTreeSet::from([unlisted]) } else { labels };
        relations.extend(labels.into_iter().map(|label| Relation { head, tail, label: label.to_owned() }));
    }
    let others = example.relations.iter().zip(told).filter(|(_, told)| !told).map(|(relation, _)| relation.clone());
    relations.extend(others);
    example.relations = relations;
    example.entities = entities;
}

fn mentions_of_concepts(entities: &[Entity]) -> Mentions<'_> {
    let (mut own, mut shared) = (Mentions::new(), Mentions::new());
    for (index, entity) in (0..).zip(entities) {
        let Some(concept) = entity.concept.as_deref() else { continue };
        let named: Vec<&str> = concepts(concept).collect();
        let place = if named.len() == 1 { &mut own } else { &mut shared };
        for concept in named {
            place.entry((entity.label.as_str(), concept)).or_default().push(index);
        }
    }
    for (concept, mentions) in shared {
        own.entry(concept).or_insert(mentions);
    }
    own
}

fn is_of(entities: &[Entity], index: u32, (label, concept): (&str, &str)) -> bool {
    let entity = entities.get(index as usize).filter(|entity| entity.label == label);
    entity.and_then(|entity| entity.concept.as_deref()).is_some_and(|held| concepts(held).any(|held| held == concept))
}

/// The two mentions with the fewest characters between them, of equals the first; two that overlap only where there are
/// no others.
fn nearest(entities: &[Entity], heads: &[u32], tails: &[u32]) -> Option<[u32; 2]> {
    let pairs = heads.iter().flat_map(|&head| tails.iter().map(move |&tail| [head, tail]));
    pairs.filter(|[head, tail]| head != tail).min_by_key(|&[head, tail]| {
        let (head, tail) = (entities[head as usize].span(), entities[tail as usize].span());
        let gap = tail.start.saturating_sub(head.end).max(head.start.saturating_sub(tail.end));
        (head.overlaps(tail), gap)
    })
}

#[cfg(test)]
mod tests {
    use clinsynth_contract::Span;

    use super::*;

    const CHEMICAL: &str = "Chemical";
    const DISEASE: &str = "Disease";

    /// Mentions of four characters at `start`, and what becomes of the relations.
    fn check(mentions: &[(u32, &str, Option<&str>)], relations: &[(u32, u32, &str)], expected: &[(u32, u32, &str)]) {
        let entity = |&(start, label, concept): &(u32, &str, Option<&str>)| Entity {
            concept: concept.map(str::to_owned),
            ..Entity::new(Span::new(start, start + 4), label)
        };
        let listed = |relations: &[(u32, u32, &str)]| -> Vec<Relation> {
            let relation = |&(head, tail, label): &(u32, u32, &str)| Relation { head, tail, label: label.to_owned() };
            relations.iter().map(relation).collect()
        };
        let entities: Vec<Entity> = mentions.iter().map(entity).collect();
        let mut example = Example { entities: entities.clone(), relations: listed(relations), ..Example::default() };
        list_concept_pairs(&mut example, &[[CHEMICAL.to_owned(), DISEASE.to_owned()]], "none");
        assert_eq!(example.relations, listed(expected));
        assert_eq!(example.entities, entities);
    }

    #[test]
    fn each_pair_of_concepts_is_listed_by_its_nearest_mentions() {
        let mentions = [
            (0, DISEASE, Some("D1")),
            (10, CHEMICAL, Some("C1")),
            (100, CHEMICAL, Some("C1")),
            (110, DISEASE, Some("D1")),
            (200, DISEASE, Some("D2")),
        ];
        check(&mentions, &[(1, 0, "CID")], &[(1, 0, "CID"), (2, 4, "none")]);
        check(&mentions, &[(1, 4, "CID")], &[(1, 0, "none"), (2, 4, "CID")]);
        check(&mentions, &[], &[(1, 0, "none"), (2, 4, "none")]);
        check(&mentions[..1], &[], &[]);
    }

    #[test]
    fn mentions_of_several_concepts_speak_where_no_other_does() {
        let mentions =
            [(0, CHEMICAL, Some("C1")), (10, DISEASE, Some("D1|D2")), (50, DISEASE, Some("D1")), (60, DISEASE, None)];
        check(&mentions, &[(0, 1, "CID")], &[(0, 1, "CID"), (0, 2, "CID")]);
        check(&mentions, &[(0, 2, "CID")], &[(0, 1, "none"), (0, 2, "CID")]);
    }

    #[test]
    fn overlapping_mentions_come_last_and_other_relations_stay() {
        let mentions = [(0, CHEMICAL, Some("C1")), (2, DISEASE, Some("D1")), (90, DISEASE, Some("D1"))];
        check(&mentions, &[(1, 2, "same"), (0, 1, "CID")], &[(0, 2, "CID"), (1, 2, "same")]);
        check(&mentions[..2], &[], &[(0, 1, "none")]);
        let unnamed = [(0, CHEMICAL, None), (9, DISEASE, Some("D1"))];
        check(&unnamed, &[(0, 1, "CID")], &[(0, 1, "CID")]);
    }
}
