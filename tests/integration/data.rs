//! Bad data: quarantine where the rest can go on, one clear error where it cannot.

use std::fs;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use clinsynth_contract::{Example, Quarantined, Row, Sensitivity};
use clinsynth_store::{Dataset, Lineage, WriteSettings, write_rows};

use crate::workplace::{Workplace, recording};

fn reasons(place: &Workplace, step: &str) -> Vec<String> {
    let rows: Vec<Quarantined> = Dataset::open(place.output(step, "quarantine")).unwrap().read().unwrap();
    let mut reasons: Vec<String> = rows.into_iter().map(|row| row.reason).collect();
    reasons.sort();
    reasons
}

#[test]
fn bad_recordings_are_set_aside_and_the_rest_goes_on() {
    let place = Workplace::new();
    let recordings = fs::read_to_string(place.path("ner.jsonl")).unwrap();
    let mut lines: Vec<String> = recordings.lines().map(str::to_owned).collect();
    lines[0] = "{broken".to_owned();
    lines[1] = recording("topic 1", 1).replace("\\\"text\\\":\\\"gout\\\"", "\\\"text\\\":\\\"lupus\\\"");
    lines[2] = lines[2].replace("{\\\"examples\\\":[", "{\\\"examples\\\":[],\\\"ignored\\\":[");
    place.write("ner.jsonl", &lines.join("\n"));
    place.run().check(0, &["0 failed"]);
    assert_eq!(reasons(&place, "generate"), ["mention_not_found", "no_examples", "no_recording", "recording_not_json"]);
}

#[test]
fn recordings_without_one_good_line_are_an_error() {
    let place = Workplace::new();
    place.write("ner.jsonl", "not json\n");
    place.run().check(2, &["ner.jsonl", "generate"]);
    place.write("ner.jsonl", "");
    place.run().check(2, &["ner.jsonl"]);
}

#[test]
fn a_dataset_cut_short_is_one_clear_error() {
    let place = Workplace::new();
    place.clinsynth(&["run", "pipeline.yaml", "--only", "curate"]).check(0, &[]);
    let path = place.output("curate", "examples");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let name = path.to_str().unwrap();
    place.clinsynth(&["show", name]).check(2, &[name, "cut short"]);
    place.run().check(2, &[name, "train"]);
    let mut changed = bytes.clone();
    changed[100] ^= 1;
    fs::write(&path, &changed).unwrap();
    place.run().check(2, &[name, "changed"]);
    // Removing the object is enough: the step makes it again.
    fs::remove_file(&path).unwrap();
    place.run().check(0, &["0 failed"]);
}

/// The examples table as a later version would stamp it.
#[derive(Default)]
struct LaterExample(Example);

impl Row for LaterExample {
    const NAME: &'static str = Example::NAME;
    const VERSION: u32 = Example::VERSION + 1;
    const ABOUT: &'static str = Example::ABOUT;
    fn columns() -> Vec<(Field, &'static str)> {
        Example::columns()
    }
    fn build(rows: Vec<Self>) -> Vec<ArrayRef> {
        Example::build(rows.into_iter().map(|row| row.0).collect())
    }
    fn read(columns: &[ArrayRef], index: usize) -> Self {
        Self(Example::read(columns, index))
    }
}

#[test]
fn another_schema_version_is_told_with_both_versions() {
    let place = Workplace::new();
    let settings = WriteSettings { sensitivity: Sensitivity::Synthetic, lineage: Lineage::default() };
    write_rows(place.path("later.parquet"), [LaterExample::default()], settings).unwrap();
    place.edit("    needs: [generate]\n", "    needs: [later]\n");
    let later = "  later:\n    uses: command\n    with:\n      run: [sh, -c, 'cp \"$CLINSYNTH_PIPELINE_DIR/later.parquet\" out.parquet']\n      \
                 outs: {examples: out.parquet}\n      sensitivity: synthetic\n";
    place.edit("  curate:\n", &format!("{later}  curate:\n"));
    place.run().check(2, &["later", "version 3", "version 2"]);
}

#[test]
fn a_benchmark_in_either_form_is_scored_besides() {
    let place = Workplace::new();
    place.edit(
        "  report:\n",
        "  benchmark: {uses: import, if: '${{ params.benchmark }}', with: {path: '${{ params.benchmark }}', sensitivity: public}}\n  \
         benchmark-predict: {uses: predict, needs: [train, benchmark]}\n  \
         benchmark-evaluate: {uses: evaluate, needs: [benchmark, benchmark-predict]}\n  report:\n",
    );
    place.write("small.tsv", "Severe\tO\nasthma\tB-Disease\n.\tO\n\nNo\tO\ngout\tB-Disease\n");
    place.write(
        "small.txt",
        "1|t|Severe asthma\n1|a|No gout.\n1\t7\t13\tasthma\tDisease\tD1\n1\t17\t21\tgout\tDisease\tD2\n",
    );
    for file in ["small.tsv", "small.txt"] {
        place
            .clinsynth(&["run", "pipeline.yaml", "--set", &format!("benchmark={file}")])
            .check(0, &["benchmark", "0 failed"]);
    }
    place.write("small.txt", "1|t|Severe asthma\n1|a|No gout.\n1\t7\tthirteen\tasthma\tDisease\n");
    place.clinsynth(&["run", "pipeline.yaml", "--set", "benchmark=small.txt"]).check(2, &["small.txt", "line 3"]);
    fs::write(place.path("small.tsv"), b"a\tO\n\xff\tO\n").unwrap();
    place.clinsynth(&["run", "pipeline.yaml", "--set", "benchmark=small.tsv"]).check(2, &["small.tsv", "UTF-8"]);
}

/// An exact number is accepted, and the rest is set aside; or the step says what is missing.
#[test]
fn a_count_is_reached_exactly_or_refused() {
    let place = Workplace::new();
    let generate = ["run", "pipeline.yaml", "--only", "generate"];
    place.edit("recordings: ner.jsonl", "recordings: ner.jsonl, count: 18");
    place.clinsynth(&generate).check(0, &["1 ran"]);
    let examples: Vec<Example> = Dataset::open(place.output("generate", "examples")).unwrap().read().unwrap();
    let texts: std::collections::BTreeSet<&str> = examples.iter().map(|example| &*example.text).collect();
    assert_eq!((examples.len(), texts.len()), (18, 18));
    place.edit("count: 18", "count: 2000");
    place.clinsynth(&generate).check(1, &["of 2000 examples were accepted", "max-candidates"]);
}
