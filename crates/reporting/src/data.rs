//! Counts of the datasets, and of what was set aside on the way.

use serde::Serialize;

use crate::numbers::{counted, share, thousands};
use crate::{DataCount, DropCount, Report};

/// The table of datasets: rows, splits and mentions by label.
#[derive(Debug, Serialize)]
pub(crate) struct DataTable {
    splits: Vec<String>,
    labels: Vec<String>,
    rows: Vec<DataRow>,
}

#[derive(Debug, Serialize)]
struct DataRow {
    name: String,
    sensitivity: &'static str,
    rows: String,
    share: String,
    splits: Vec<Option<String>>,
    mentions: Vec<Option<String>>,
}

/// What was dropped or flagged, most first within each stage.
#[derive(Debug, Serialize)]
pub(crate) struct DropTable {
    total: String,
    stages: Vec<Stage>,
}

#[derive(Debug, Serialize)]
struct Stage {
    name: String,
    total: String,
    reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
struct Reason {
    code: String,
    meaning: String,
    count: String,
    share: String,
    examples: Vec<String>,
}

/// The table of datasets, unless there is none.
pub(crate) fn data_table(report: &Report) -> Option<DataTable> {
    let most = report.data.iter().map(|data| data.rows).max()?;
    let splits = names(report.data.iter().flat_map(|data| &data.splits).map(|split| split.name.as_str()));
    let found = report.data.iter().flat_map(|data| &data.mentions).map(|mention| mention.name.as_str());
    // The pipeline's own order of labels first.
    let declared = report.labels.iter().map(String::as_str);
    let labels: Vec<_> = names(declared.chain(found.clone()))
        .into_iter()
        .filter(|label| found.clone().any(|name| name == label))
        .collect();
    let row = |data: &DataCount| {
        let among = |counts: &[crate::Count], name: &String| {
            counts.iter().find(|count| count.name == *name).map(|count| thousands(count.count))
        };
        DataRow {
            name: data.name.clone(),
            sensitivity: data.sensitivity.name(),
            rows: thousands(data.rows),
            share: share(data.rows as f64, most as f64),
            splits: splits.iter().map(|split| among(&data.splits, split)).collect(),
            mentions: labels.iter().map(|label| among(&data.mentions, label)).collect(),
        }
    };
    let rows = report.data.iter().map(row).collect();
    Some(DataTable { splits, labels, rows })
}

/// The table of drops or flags, unless there is none. `noun` is what one of them is called.
pub(crate) fn drop_table(drops: &[DropCount], noun: &str) -> Option<DropTable> {
    let drops: Vec<_> = drops.iter().filter(|drop| drop.count > 0).collect();
    let most = drops.iter().map(|drop| drop.count).max()?;
    let stage = |name: String| {
        let mut of_stage: Vec<_> = drops.iter().filter(|drop| drop.stage == name).collect();
        of_stage.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.reason.cmp(&other.reason)));
        let total = thousands(of_stage.iter().map(|drop| drop.count).sum());
        let reasons = of_stage.iter().map(|drop| Reason {
            code: drop.reason.clone(),
            meaning: drop.meaning.clone(),
            count: thousands(drop.count),
            share: share(drop.count as f64, most as f64),
            examples: drop.examples.clone(),
        });
        Stage { reasons: reasons.collect(), name, total }
    };
    let stages = names(drops.iter().map(|drop| drop.stage.as_str())).into_iter().map(stage).collect();
    Some(DropTable { total: counted(drops.iter().map(|drop| drop.count).sum(), noun), stages })
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in all {
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}
