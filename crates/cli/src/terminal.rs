use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use clinsynth_runner::{Event, Output};
use comfy_table::{LineStyle, TableStyle};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Tables with a line above, below and under the head, and none between rows.
pub(crate) const LINES: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// How often a line of progress is printed where there is no terminal for bars.
const LINE_INTERVAL: Duration = Duration::from_secs(15);

/// The view of a run on standard error: a bar for each running step, a line for each finished one.
pub(crate) struct Terminal {
    bars: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
    last_line: BTreeMap<String, Instant>,
    width: usize,
    interactive: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let interactive = stderr().is_terminal();
        let target = if interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self {
            bars: MultiProgress::with_draw_target(target),
            running: BTreeMap::new(),
            last_line: BTreeMap::new(),
            width: 8,
            interactive,
        }
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::RunStarted { steps, .. } => {
                self.width = steps.iter().map(|step| step.chars().count()).max().unwrap_or(8);
            }
            Event::StepCached { step, outputs, .. } => {
                self.line("=", step, &format!("cached   {}", described(outputs)));
            }
            Event::StepSkipped { step, reason } => self.line("-", step, &format!("skipped  {reason}")),
            Event::StepStarted { step, reason, attempt, .. } => self.started(step, reason, *attempt),
            Event::StepProgress { step, phase, done, total, note } => self.progress(step, phase, *done, *total, note),
            Event::StepNote { step, note } => self.line(" ", step, note),
            Event::StepFinished { step, seconds, outputs, .. } => {
                self.end(step);
                self.line("+", step, &format!("{:<8} {}", duration(*seconds), described(outputs)));
            }
            Event::StepFailed { step, error, log, retried, .. } => {
                self.end(step);
                let again = if *retried { "  (will be tried again)" } else { "" };
                self.line("!", step, &format!("failed   {error}{again}"));
                self.line(" ", step, &format!("log      {log}"));
            }
            _ => {}
        }
    }

    /// A line above the bars.
    pub(crate) fn line(&self, sign: &str, step: &str, text: &str) {
        let line = format!("{sign} {step:<width$}  {text}", width = self.width);
        if self.interactive {
            let _ = self.bars.println(line);
        } else {
            eprintln!("{line}");
        }
    }

    fn started(&mut self, step: &str, reason: &str, attempt: u32) {
        let again = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
        if !self.interactive {
            self.line(">", step, &format!("running  {reason}{again}"));
        }
        let bar = self.bars.add(ProgressBar::new(0));
        bar.set_style(spinner());
        bar.set_prefix(format!("{step:<width$}", width = self.width));
        bar.set_message(format!("{reason}{again}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(step.to_owned(), bar);
        self.last_line.insert(step.to_owned(), Instant::now());
    }

    fn progress(&mut self, step: &str, phase: &str, done: u64, total: u64, note: &str) {
        if !self.interactive {
            return self.progress_line(step, phase, done, total, note);
        }
        let Some(bar) = self.running.get(step) else { return };
        if total > 0 && bar.length() != Some(total) {
            bar.set_style(measured());
            bar.set_length(total);
        }
        bar.set_position(done);
        bar.set_message(format!("{phase} {note}"));
    }

    fn progress_line(&mut self, step: &str, phase: &str, done: u64, total: u64, note: &str) {
        let due = self.last_line.get(step).is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due {
            self.last_line.insert(step.to_owned(), Instant::now());
            let of = if total > 0 { format!("{done}/{total}") } else { done.to_string() };
            self.line(" ", step, &format!("{phase} {of} {note}"));
        }
    }

    fn end(&mut self, step: &str) {
        if let Some(bar) = self.running.remove(step) {
            bar.finish_and_clear();
        }
    }
}

// The templates are constants of this file; a mistake in one shows as the plain default style.
fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("> {prefix}  {spinner} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn measured() -> ProgressStyle {
    ProgressStyle::with_template("> {prefix}  {bar:24} {pos}/{len} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}

fn described(outputs: &[Output]) -> String {
    let described: Vec<String> = outputs
        .iter()
        .map(|output| match output.rows {
            Some(rows) => format!("{rows} {}", output.name),
            None => output.name.clone(),
        })
        .collect();
    described.join(", ")
}

pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", seconds as u64 / 60, seconds as u64 % 60)
    }
}
