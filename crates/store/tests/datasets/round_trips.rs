use std::fs;
use std::path::Path;

use clinsynth_contract::{Example, HistoryPoint, Row, Seed, Sensitivity, Table};
use clinsynth_store::{Dataset, DatasetInfo, DatasetWriter, StoreError, write_rows};
use proptest::prelude::*;

use crate::rows::{any_encoding, any_example, any_prediction, examples, settings};

fn check_round_trip<R: Row + Clone + PartialEq + std::fmt::Debug>(rows: &[R]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let written = write_rows(&path, rows.to_vec(), settings()).unwrap();
    let mut dataset = Dataset::<R>::open(&path).unwrap();
    assert_eq!(dataset.info(), &written);
    assert_eq!(DatasetInfo::read(&path).unwrap(), written);
    assert_eq!(written.rows, rows.len() as u64);
    let streamed: Vec<R> = dataset.tables().flat_map(|table| table.unwrap().rows().collect::<Vec<_>>()).collect();
    assert_eq!(streamed, rows);
    assert_eq!(dataset.read().unwrap(), rows);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn examples_come_back_as_they_were(rows in prop::collection::vec(any_example(), 0..20)) {
        check_round_trip(&rows);
    }

    #[test]
    fn encodings_come_back_as_they_were(rows in prop::collection::vec(any_encoding(), 0..20)) {
        check_round_trip(&rows);
    }

    #[test]
    fn predictions_come_back_as_they_were(rows in prop::collection::vec(any_prediction(), 0..20)) {
        check_round_trip(&rows);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// However the rows are cut, the file has the same bytes. The texts fill several pages, whose borders would tell.
    #[test]
    fn the_same_rows_give_the_same_bytes(cuts in prop::collection::vec(1usize..700, 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = examples(1500);
        for (index, row) in rows.iter_mut().enumerate() {
            row.text = format!("{index} ").repeat(500);
        }
        let (whole, cut) = (folder.path().join("whole.parquet"), folder.path().join("cut.parquet"));
        write_rows(&whole, rows.clone(), settings()).unwrap();
        let mut writer = DatasetWriter::create(&cut, settings()).unwrap();
        let mut rest = &rows[..];
        for size in cuts {
            let (head, tail) = rest.split_at(size.min(rest.len()));
            writer.append(&Table::from_rows(head.to_vec()).unwrap()).unwrap();
            rest = tail;
        }
        writer.push_rows(rest.to_vec()).unwrap();
        writer.commit().unwrap();
        prop_assert!(fs::read(&whole).unwrap() == fs::read(&cut).unwrap());
    }
}

#[test]
fn many_rows_stand_in_several_row_groups_and_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.parquet");
    let rows = examples(20_000);
    write_rows(&path, rows.clone(), settings()).unwrap();
    let mut dataset = Dataset::<Example>::open(&path).unwrap();
    let sizes: Vec<usize> = dataset.tables().map(|table| table.unwrap().len()).collect();
    assert_eq!((sizes.len(), sizes.iter().max(), sizes.iter().sum()), (20, Some(&1024), 20_000));
    assert!(dataset.read().unwrap() == rows);
}

#[test]
fn the_digest_is_that_of_the_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows, settings| write_rows(folder.path().join(name), rows, settings).unwrap();
    let first = write("first.parquet", examples(3), settings());
    let mut other = settings();
    other.sensitivity = Sensitivity::Restricted;
    other.lineage.step = "another".into();
    let restamped = write("restamped.parquet", examples(3), other.clone());
    assert_eq!(first.digest, restamped.digest);
    assert_eq!((restamped.sensitivity, restamped.lineage), (other.sensitivity, other.lineage));
    assert_ne!(first.digest, write("more.parquet", examples(4), settings()).digest);
}

#[test]
fn a_dropped_writer_leaves_what_stood_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.parquet");
    write_rows(&path, examples(2), settings()).unwrap();
    let before = fs::read(&path).unwrap();
    let mut writer = DatasetWriter::<Example>::create(&path, settings()).unwrap();
    writer.push_rows(examples(9000)).unwrap();
    assert_eq!(file_names(folder.path()).len(), 2);
    drop(writer);
    assert_eq!(file_names(folder.path()), ["kept.parquet"]);
    assert!(fs::read(&path).unwrap() == before);

    write_rows(&path, examples(3), settings()).unwrap();
    assert_eq!(file_names(folder.path()), ["kept.parquet"]);
    assert_eq!(Dataset::<Example>::open(&path).unwrap().read().unwrap(), examples(3));
}

#[test]
fn a_table_without_rows_keeps_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.parquet");
    write_rows(&path, Vec::<HistoryPoint>::new(), settings()).unwrap();
    assert_eq!(Dataset::<HistoryPoint>::open(&path).unwrap().read().unwrap(), []);
    assert!(matches!(Dataset::<Seed>::open(&path), Err(StoreError::OtherTable { .. })));
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
