//! Tables: exact round trips through Arrow, and what a foreign batch is told.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema};
use clinsynth_contract::{
    ContractError, Document, Entity, ErrorCase, Example, Origin, Provenance, Relation, ScoredSpan, Sensitivity, Split,
    Table,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn entity() -> impl Strategy<Value = Entity> {
    (any::<u32>(), any::<u32>(), "\\PC{0,8}", option::of("\\PC{0,8}")).prop_map(|(start, end, label, concept)| Entity {
        start,
        end,
        label,
        concept,
    })
}

fn example() -> impl Strategy<Value = Example> {
    let relation =
        (any::<u32>(), any::<u32>(), "\\PC{0,4}").prop_map(|(head, tail, label)| Relation { head, tail, label });
    let split = prop_oneof![Just(None), Just(Some(Split::Train)), Just(Some(Split::Test))];
    (".{0,20}", vec(entity(), 0..4), vec(relation, 0..3), split, option::of(".{0,6}")).prop_map(
        |(text, entities, relations, split, topic)| Example {
            id: text.clone(),
            text,
            entities,
            relations,
            split,
            provenance: Provenance { origin: Origin::Human, topic, ..Provenance::default() },
            sensitivity: Sensitivity::Restricted,
            ..Example::default()
        },
    )
}

proptest! {
    #[test]
    fn examples_round_trip(rows in vec(example(), 0..12)) {
        let table = Table::from_rows(rows.clone()).unwrap();
        let read = Table::<Example>::from_batch(table.batch()).unwrap();
        prop_assert_eq!(read.rows().collect::<Vec<_>>(), rows);
    }

    #[test]
    fn optional_structs_round_trip(gold in option::of(entity()), score in option::of(0f32..1.0)) {
        let predicted = score.map(|score| ScoredSpan { start: 1, end: 2, label: "Disease".into(), score });
        let row = ErrorCase { kind: "missed".into(), gold, predicted, ..ErrorCase::default() };
        let table = Table::from_rows([row.clone(), ErrorCase::default(), row.clone()]).unwrap();
        prop_assert_eq!(table.rows().collect::<Vec<_>>(), vec![row.clone(), ErrorCase::default(), row]);
    }
}

#[test]
fn all_wrong_columns_are_told_at_once() {
    let schema = Schema::new(vec![Field::new("id", DataType::UInt32, false), Field::new("text", DataType::Utf8, true)]);
    let columns: Vec<Arc<dyn arrow::array::Array>> =
        vec![Arc::new(UInt32Array::from(vec![1])), Arc::new(StringArray::from(vec![None::<&str>]))];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let error = Table::<Document>::from_batch(&batch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not a `documents` table: column `id` is UInt32, expected Utf8; column `text` is Utf8 with nulls, expected Utf8; \
         column `source` (Utf8) is missing; column `sensitivity` (Utf8) is missing"
    );
}

#[test]
fn another_table_or_version_is_refused() {
    let table = Table::from_rows([Document::default()]).unwrap();
    assert!(matches!(Table::<Example>::from_batch(table.batch()), Err(ContractError::WrongVersion { .. })));

    let mut metadata = table.batch().schema_ref().metadata().clone();
    metadata.insert("clinsynth.version", "99");
    let schema = table.batch().schema_ref().as_ref().clone().with_metadata(metadata);
    let newer = RecordBatch::try_new(Arc::new(schema), table.batch().columns().to_vec()).unwrap();
    let error = Table::<Document>::from_batch(&newer).unwrap_err();
    assert_eq!(error.to_string(), "expected table `documents` version 1, found `documents version 99`");
}

#[test]
fn columns_may_stand_in_any_order_beside_others() {
    let table = Table::from_rows([Document { id: "a".into(), ..Document::default() }]).unwrap();
    let mut order: Vec<usize> = (0..table.batch().num_columns()).rev().collect();
    order.push(0);
    let shuffled = table.batch().project(&order).unwrap();
    assert_eq!(Table::<Document>::from_batch(&shuffled).unwrap(), table);
}
