use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use clinsynth_prompting::{CacheListing, collect_garbage, export, list};
use clinsynth_runner::Layout;
use comfy_table::{CellAlignment, Table};

use crate::arguments::{Cache, CacheAction};
use crate::exit::Exit;

/// Lists, cleans or exports the request cache of a store.
pub(crate) fn cache(arguments: &Cache) -> Result<Exit> {
    let path = Layout::new(&arguments.store).requests();
    match &arguments.action {
        CacheAction::Ls { json } => {
            let listing = list(&path)?;
            if *json { println!("{}", serde_json::to_string_pretty(&listing)?) } else { print(&listing) }
        }
        CacheAction::Gc { days } => {
            let age = days.map(|days| Duration::from_secs(days.saturating_mul(86_400)));
            let gone = collect_garbage(&path, age)?;
            println!(
                "removed {} completions and {} claims of processes that are gone; {} kB freed",
                gone.completions,
                gone.claims,
                gone.bytes / 1000
            );
        }
        CacheAction::Export { file, model } => write(&path, file.as_deref(), model.as_deref())?,
    }
    Ok(Exit::Done)
}

fn write(cache: &Path, file: Option<&Path>, model: Option<&str>) -> Result<()> {
    let exported = match file {
        None => export(cache, model, &mut std::io::stdout().lock())?,
        Some(file) => {
            let target = File::create(file).with_context(|| format!("cannot write `{}`", file.display()))?;
            let mut target = BufWriter::new(target);
            let exported = export(cache, model, &mut target)?;
            target.flush().with_context(|| format!("cannot write `{}`", file.display()))?;
            exported
        }
    };
    eprintln!("{} recordings written", exported.written);
    if exported.withheld > 0 {
        eprintln!("{} completions were left out: they are above `synthetic`", exported.withheld);
    }
    Ok(())
}

fn print(listing: &CacheListing) {
    let mut table =
        numbers(["host", "model", "task", "completions", "prompt tokens", "completion tokens", "last"], 3..6);
    for row in &listing.completions {
        let last = UNIX_EPOCH + Duration::from_millis(row.newest.max(0) as u64);
        table.add_row([
            row.host.clone(),
            row.model.clone(),
            row.task.clone(),
            row.completions.to_string(),
            row.prompt_tokens.to_string(),
            row.completion_tokens.to_string(),
            age(last),
        ]);
    }
    println!("{table}");
    let mut table = numbers(["endpoint", "host", "tokens charged", "money charged", "batches under way"], 2..5);
    for row in &listing.accounts {
        table.add_row([
            row.endpoint.clone(),
            row.host.clone(),
            row.tokens.to_string(),
            format!("{:.4}", row.micros as f64 / 1e6),
            row.batches.to_string(),
        ]);
    }
    println!("{table}");
}

fn numbers<const N: usize>(header: [&str; N], right: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(crate::terminal::LINES).set_header(header);
    for index in right {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// How long ago, in the largest unit that fits.
fn age(time: std::time::SystemTime) -> String {
    let seconds = time.elapsed().unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
