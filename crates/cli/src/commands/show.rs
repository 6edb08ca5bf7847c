use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clinsynth_runner::{Layout, latest_output};
use clinsynth_store::{Inspection, inspect};
use comfy_table::Table;
use serde_json::Value;

use crate::arguments::Show;
use crate::exit::Exit;

/// Longest cell of a sample row, in characters.
const CELL: usize = 100;

/// Prints what a dataset holds.
pub(crate) fn show(arguments: &Show) -> Result<Exit> {
    let path = find(&arguments.dataset, &arguments.store)?;
    let inspection = inspect(&path, arguments.rows)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&inspection)?);
    } else {
        print(&path, &inspection);
    }
    Ok(Exit::Done)
}

/// A file as it is; else `STEP.OUTPUT` of the latest run of that step in the store.
pub(crate) fn find(dataset: &str, store: &Path) -> Result<PathBuf> {
    let path = Path::new(dataset);
    if path.exists() || path.extension().is_some_and(|extension| extension == "parquet") {
        return Ok(path.to_owned());
    }
    let layout = Layout::new(store);
    match dataset.rsplit_once('.') {
        Some((step, output)) => Ok(latest_output(&layout, step, output)?),
        None => bail!("`{dataset}` is neither a file nor STEP.OUTPUT, such as `curate.examples`"),
    }
}

fn print(path: &Path, inspection: &Inspection) {
    println!("{}", path.display());
    if let Some(info) = &inspection.info {
        println!("table        {} version {}", info.table, info.version);
        println!("rows         {}", inspection.rows);
        println!("sensitivity  {}", info.sensitivity);
        println!("digest       {}", info.digest);
        println!("made by      {} ({})", info.lineage.step, info.created_by);
    }
    let mut columns = Table::new();
    columns.load_style(crate::terminal::LINES).set_header(["column", "type", "nulls"]);
    for column in &inspection.columns {
        columns.add_row([column.name.clone(), column.data_type.clone(), column.nulls.to_string()]);
    }
    println!("{columns}");
    for (index, row) in inspection.sample.iter().enumerate() {
        println!("row {index}");
        if let Value::Object(fields) = row {
            for (name, value) in fields {
                println!("  {name:<14} {}", shortened(value));
            }
        }
    }
}

fn shortened(value: &Value) -> String {
    let text = if let Value::String(text) = value { text.replace('\n', "⏎") } else { value.to_string() };
    if text.chars().count() <= CELL {
        return text;
    }
    text.chars().take(CELL - 1).chain(['…']).collect()
}
