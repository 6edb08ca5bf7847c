use anyhow::Result;
use clinsynth_contract::Score;
use clinsynth_store::Dataset;
use comfy_table::{CellAlignment, Table};

/// The table a run ends with: precision, recall and F1 of each label in per cent, with intervals, by the strict rule for
/// mentions and by pair for relations; then a line for what has no label, such as the accuracy of relations.
pub(crate) fn table(datasets: &[std::path::PathBuf]) -> Result<Option<String>> {
    let mut table = Table::new();
    table.load_style(crate::terminal::LINES);
    table.set_header(["set", "label", "precision", "recall", "F1", "gold"]);
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines = String::new();
    for path in datasets {
        let scores: Vec<Score> = Dataset::<Score>::open(path)?.read()?;
        for scheme in ["strict", "pair", "concept"] {
            let whole: Vec<&Score> =
                scores.iter().filter(|score| score.scheme == scheme && score.slice.is_empty()).collect();
            add_rows(&mut table, &whole);
            lines.push_str(&unlabelled(&whole));
        }
    }
    Ok((!table.is_empty()).then(|| format!("{table}{lines}")))
}

/// The evaluation set, with the system where it is not the model.
fn set(score: &Score) -> String {
    let by = if score.scheme == "concept" { " by concept" } else { "" };
    let system = if score.system.is_empty() { String::new() } else { format!(", {}", score.system) };
    format!("{}{by}{system}", score.dataset)
}

/// Accuracy and Matthews correlation of each system, a line each; nothing where there are none.
fn unlabelled(scores: &[&Score]) -> String {
    let line = |accuracy: &&Score| {
        let mcc = scores.iter().find(|score| score.metric == "mcc" && set(score) == set(accuracy));
        let mcc = mcc.map_or_else(String::new, |score| format!(", Matthews correlation {}", with_interval(score)));
        format!("\n {}: accuracy {}{mcc}", set(accuracy), with_interval(accuracy))
    };
    scores.iter().filter(|score| score.metric == "accuracy").map(line).collect()
}

fn add_rows(table: &mut Table, scores: &[&Score]) {
    let f1s: Vec<&&Score> = scores.iter().filter(|score| score.metric == "f1").collect();
    let is_average = |score: &Score| score.label.ends_with(" avg");
    for f1 in &f1s {
        // The averages of one label are its own figures.
        let labels = f1s.iter().filter(|other| !is_average(other) && set(other) == set(f1)).count();
        if labels == 1 && is_average(f1) {
            continue;
        }
        let figure = |metric: &str| {
            let same = |score: &&&Score| score.metric == metric && score.label == f1.label && set(score) == set(f1);
            scores.iter().find(same).map_or_else(String::new, |score| with_interval(score))
        };
        let figures = ["precision", "recall", "f1"].map(figure);
        let row = [set(f1), f1.label.clone()].into_iter().chain(figures).chain([f1.support.to_string()]);
        table.add_row(row.collect::<Vec<_>>());
    }
}

/// In per cent; a correlation as the coefficient that it is.
fn with_interval(score: &Score) -> String {
    let shown =
        |value: f64| if score.metric == "mcc" { format!("{value:.3}") } else { format!("{:.1}", value * 100.0) };
    match (score.low, score.high) {
        (Some(low), Some(high)) => format!("{} ({}–{})", shown(score.value), shown(low), shown(high)),
        _ => shown(score.value),
    }
}
