//! Arbitrary rows: any Unicode, empty and long lists, absent values.

use clinsynth_contract::{
    Encoding, Entity, Example, Origin, Prediction, Provenance, Relation, ScoredRelation, ScoredSpan, Sensitivity, Split,
};
use clinsynth_store::{InputRef, Lineage, WriteSettings};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn settings() -> WriteSettings {
    let inputs = vec![InputRef { name: "recordings".into(), digest: clinsynth_contract::Digest::of(b"input") }];
    let lineage = Lineage { step: "curate".into(), key: clinsynth_contract::Digest::of(b"key"), inputs };
    WriteSettings { sensitivity: Sensitivity::Public, lineage }
}

/// Examples that differ from each other, with text beyond ASCII.
pub(crate) fn examples(count: usize) -> Vec<Example> {
    let example = |index: usize| Example {
        id: format!("e{index}"),
        document: format!("d{}", index / 3),
        text: format!("Naïve 🧬 text {index}: {}", "ataxia ".repeat(index % 5)),
        entities: (0..index % 4)
            .map(|start| entity(start as u32, index.is_multiple_of(2).then(|| "D001259".into())))
            .collect(),
        relations: if index % 7 == 3 { vec![Relation { head: 0, tail: 1, label: "CID".into() }] } else { Vec::new() },
        split: [None, Some(Split::Train), Some(Split::Dev)][index % 3],
        provenance: Provenance {
            origin: Origin::Human,
            topic: (index % 2 == 1).then(|| "τ".into()),
            ..Provenance::default()
        },
        sensitivity: Sensitivity::Public,
    };
    (0..count).map(example).collect()
}

fn entity(start: u32, concept: Option<String>) -> Entity {
    Entity { start, end: start + 5, label: "Disease".into(), concept }
}

pub(crate) fn any_example() -> impl Strategy<Value = Example> {
    let entity = (any::<u32>(), any::<u32>(), text(), option::of(text()))
        .prop_map(|(start, end, label, concept)| Entity { start, end, label, concept });
    let relation = (any::<u32>(), any::<u32>(), text()).prop_map(|(head, tail, label)| Relation { head, tail, label });
    let split = option::of(select(vec![Split::Train, Split::Dev, Split::Test]));
    (text(), text(), text(), vec(entity, 0..4), vec(relation, 0..3), split, any_provenance(), any_sensitivity())
        .prop_map(|(id, document, text, entities, relations, split, provenance, sensitivity)| Example {
            id,
            document,
            text,
            entities,
            relations,
            split,
            provenance,
            sensitivity,
        })
}

pub(crate) fn any_encoding() -> impl Strategy<Value = Encoding> {
    let numbers = || vec(any::<u32>(), 0..9);
    let lists = (numbers(), vec(any::<i32>(), 0..9), numbers(), numbers(), numbers());
    let pair = (vec(any::<u32>(), 0..3), vec(any::<u32>(), 0..3), option::of(any::<u32>()));
    (text(), text(), any::<[u32; 3]>(), lists, pair, any_sensitivity()).prop_map(
        |(example, document, [window, owned_from, owned_to], lists, pair, sensitivity)| Encoding {
            example,
            document,
            window,
            input_ids: lists.0,
            token_words: lists.1,
            word_starts: lists.2,
            word_ends: lists.3,
            tags: lists.4,
            owned_from,
            owned_to,
            pair: pair.0,
            entity_starts: pair.1,
            class: pair.2,
            sensitivity,
        },
    )
}

pub(crate) fn any_prediction() -> impl Strategy<Value = Prediction> {
    // NaN is left out: it is not equal to itself.
    let score = prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO | prop::num::f32::INFINITE;
    let span = (any::<u32>(), any::<u32>(), text(), score).prop_map(|(start, end, label, score)| ScoredSpan {
        start,
        end,
        label,
        score,
    });
    let relation = (any::<u32>(), any::<u32>(), text(), 0f32..=1.0)
        .prop_map(|(head, tail, label, score)| ScoredRelation { head, tail, label, score });
    (text(), text(), vec(span, 0..4), vec(relation, 0..3), text(), any_sensitivity()).prop_map(
        |(example, document, spans, relations, model, sensitivity)| Prediction {
            example,
            document,
            spans,
            relations,
            model,
            sensitivity,
        },
    )
}

fn any_provenance() -> impl Strategy<Value = Provenance> {
    let origin = select(vec![Origin::Human, Origin::Llm, Origin::Weak]);
    let word = || option::of(text());
    (origin, word(), word(), word(), word(), word(), word(), word()).prop_map(
        |(origin, model, prompt, seed, concept, topic, style, request)| Provenance {
            origin,
            model,
            prompt,
            seed,
            concept,
            topic,
            style,
            request,
        },
    )
}

fn any_sensitivity() -> impl Strategy<Value = Sensitivity> {
    select(Sensitivity::ALL.to_vec())
}

/// Any Unicode, control characters and NUL included.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(|characters| characters.into_iter().collect())
}
