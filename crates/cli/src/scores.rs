use std::path::Path;

use anyhow::Result;
use clinsynth_contract::Score;
use clinsynth_store::Dataset;
use comfy_table::{CellAlignment, Table};

/// The table a run ends with: strict precision, recall and F1 of each label in per cent, with intervals.
pub(crate) fn table(datasets: &[std::path::PathBuf]) -> Result<Option<String>> {
    let mut table = Table::new();
    table.load_style(crate::terminal::LINES);
    table.set_header(["set", "label", "precision", "recall", "F1", "gold mentions"]);
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for path in datasets {
        add_rows(&mut table, path)?;
    }
    Ok((!table.is_empty()).then(|| table.to_string()))
}

fn add_rows(table: &mut Table, path: &Path) -> Result<()> {
    let scores: Vec<Score> = Dataset::<Score>::open(path)?.read()?;
    let strict: Vec<&Score> = scores.iter().filter(|score| score.scheme == "strict").collect();
    let mut labels: Vec<&str> = Vec::new();
    for score in &strict {
        if !labels.contains(&score.label.as_str()) {
            labels.push(&score.label);
        }
    }
    for label in labels {
        let figure = |metric: &str| strict.iter().find(|score| score.label == label && score.metric == metric);
        let Some(f1) = figure("f1") else { continue };
        let shown = |metric| figure(metric).map_or_else(String::new, |score| with_interval(score));
        let row = [
            f1.dataset.clone(),
            label.to_owned(),
            shown("precision"),
            shown("recall"),
            shown("f1"),
            f1.support.to_string(),
        ];
        table.add_row(row);
    }
    Ok(())
}

fn with_interval(score: &Score) -> String {
    let percent = |value: f64| format!("{:.1}", value * 100.0);
    match (score.low, score.high) {
        (Some(low), Some(high)) => format!("{} ({}–{})", percent(score.value), percent(low), percent(high)),
        _ => percent(score.value),
    }
}
