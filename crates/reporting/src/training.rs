//! Loss and dev F1 of the training runs over their steps.

use std::fmt::Write;

use clinsynth_contract::HistoryPoint;
use serde::Serialize;

use crate::TrainingRun;
use crate::axis::{Axis, Tick};
use crate::numbers::{percent, share, thousands};

/// Runs above which they share colours without a key, and one table.
const MANY: usize = 12;
/// Points of all lines of a chart together: more than a screen shows, and long runs would fill the file.
const POINTS: usize = 6_000;

/// The training section.
#[derive(Debug, Serialize)]
pub(crate) struct Training {
    /// Whether there are too many runs for a colour and a table each.
    many: bool,
    panels: Vec<Panel>,
    steps: Vec<Tick>,
    runs: Vec<Run>,
}

/// One chart over the steps.
#[derive(Debug, Serialize)]
struct Panel {
    title: String,
    unit: String,
    ticks: Vec<Tick>,
    lines: Vec<Line>,
    dots: Vec<Dot>,
}

/// A line, as SVG path data in a square of 1000 by 1000.
#[derive(Debug, Serialize)]
struct Line {
    run: usize,
    dev: bool,
    path: String,
}

#[derive(Debug, Serialize)]
struct Dot {
    run: usize,
    x: String,
    y: String,
    best: bool,
    words: String,
}

#[derive(Debug, Serialize)]
struct Run {
    index: usize,
    name: String,
    best: Option<String>,
    evaluations: Vec<Evaluated>,
}

/// A row of the table that says the same as the charts.
#[derive(Debug, Serialize)]
struct Evaluated {
    step: String,
    epochs: String,
    dev_loss: String,
    precision: String,
    recall: String,
    f1: String,
    best: bool,
}

/// The section, unless no run has a point.
pub(crate) fn training(runs: &[TrainingRun]) -> Option<Training> {
    let last = runs.iter().flat_map(|run| &run.points).map(|point| point.step).max()?;
    let steps = Axis::covering(0.0, last as f64, 5).ended_at(last as f64);
    Some(Training {
        many: runs.len() > MANY,
        panels: [loss_panel(runs, &steps), f1_panel(runs, &steps)].into_iter().flatten().collect(),
        steps: steps.ticks_across(|step| thousands(step as u64)),
        runs: runs.iter().enumerate().map(|(index, run)| summary(index, run)).collect(),
    })
}

fn loss_panel(runs: &[TrainingRun], steps: &Axis) -> Option<Panel> {
    let losses = |point: &HistoryPoint| [point.loss, point.dev_loss];
    let all = runs.iter().flat_map(|run| &run.points).flat_map(losses).flatten();
    let all: Vec<f64> = all.filter(|loss| *loss > 0.0 && loss.is_finite()).collect();
    let highest = all.iter().copied().reduce(f64::max)?;
    // A logarithmic axis: on a linear one the first steps flatten all that follows. A loss far below the rest of its
    // run (a batch of one easy sentence) is cut off rather than given half of the chart.
    let lowest = all.iter().copied().reduce(f64::min)?.max(highest / 1000.0);
    let values = Axis::logarithmic(lowest, highest);
    let ticks = values.ticks_up(|value| values.plain(value));
    let mut panel = Panel::new("Loss", "cross-entropy for each word, logarithmic", ticks);
    for (index, run) in runs.iter().enumerate() {
        let trained = places(run, most(runs), steps, &values, |point| point.loss);
        let evaluated = places(run, most(runs), steps, &values, |point| point.dev_loss);
        let words = |place: &Place| format!("dev loss {:.4} at step {}", place.value, thousands(place.step));
        panel.add_line(index, false, &trained);
        panel.add_line(index, true, &evaluated);
        panel.dots.extend(evaluated.iter().map(|place| place.dot(index, false, words(place))));
    }
    Some(panel)
}

fn f1_panel(runs: &[TrainingRun], steps: &Axis) -> Option<Panel> {
    let scores: Vec<f64> = runs.iter().flat_map(|run| &run.points).filter_map(|point| point.dev_f1).collect();
    let highest = scores.iter().copied().reduce(f64::max)?;
    let lowest = scores.iter().copied().fold(highest, f64::min);
    let values = Axis::covering((lowest - 0.02).max(0.0), (highest + 0.02).min(1.0), 4);
    let ticks = values.ticks_up(|value| values.plain_percent(value));
    let mut panel = Panel::new("Strict F1 on the dev split", "micro, in %", ticks);
    for (index, run) in runs.iter().enumerate() {
        let best = best_step(run);
        let evaluated = places(run, most(runs), steps, &values, |point| point.dev_f1);
        let words = |place: &Place| format!("F1 {} at step {}", percent(place.value), thousands(place.step));
        panel.add_line(index, true, &evaluated);
        let dots = evaluated.iter().map(|place| place.dot(index, best == Some(place.step), words(place)));
        panel.dots.extend(dots);
    }
    Some(panel)
}

impl Panel {
    fn new(title: &str, unit: &str, ticks: Vec<Tick>) -> Self {
        Self { title: title.to_owned(), unit: unit.to_owned(), ticks, lines: Vec::new(), dots: Vec::new() }
    }

    fn add_line(&mut self, run: usize, dev: bool, places: &[Place]) {
        if places.len() > 1 {
            self.lines.push(Line { run, dev, path: path(places) });
        }
    }
}

/// Where a value stands in its chart: 0 to 1 from the upper left.
struct Place {
    step: u64,
    value: f64,
    x: f64,
    y: f64,
}

impl Place {
    fn dot(&self, run: usize, best: bool, words: String) -> Dot {
        Dot { run, x: share(self.x, 1.0), y: share(self.y, 1.0), best, words }
    }
}

/// The most points of one line.
fn most(runs: &[TrainingRun]) -> usize {
    (POINTS / runs.len().max(1)).clamp(10, 600)
}

/// The places of one value of a run, without the points that lack it.
fn places(
    run: &TrainingRun,
    most: usize,
    steps: &Axis,
    values: &Axis,
    value: impl Fn(&HistoryPoint) -> Option<f64>,
) -> Vec<Place> {
    let place = |point: &HistoryPoint| {
        let value = value(point).filter(|value| value.is_finite())?;
        let (x, y) = (steps.fraction(point.step as f64), 1.0 - values.fraction(value));
        Some(Place { step: point.step, value, x, y })
    };
    thinned(run.points.iter().filter_map(place).collect(), most)
}

/// About `most` points, evenly taken, with the first and the last.
fn thinned(places: Vec<Place>, most: usize) -> Vec<Place> {
    let every = places.len().div_ceil(most).max(1);
    let last = places.len().saturating_sub(1);
    let kept = places.into_iter().enumerate().filter(|(index, _)| index % every == 0 || *index == last);
    kept.map(|(_, place)| place).collect()
}

fn path(places: &[Place]) -> String {
    let mut path = String::new();
    for (index, place) in places.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{:.1} {:.1}", place.x * 1000.0, place.y * 1000.0);
    }
    path
}

/// The first step with the highest dev F1, as training keeps it.
fn best_step(run: &TrainingRun) -> Option<u64> {
    let mut best: Option<(u64, f64)> = None;
    for (step, f1) in run.points.iter().filter_map(|point| Some((point.step, point.dev_f1?))) {
        if best.is_none_or(|(_, highest)| f1 > highest) {
            best = Some((step, f1));
        }
    }
    best.map(|(step, _)| step)
}

fn summary(index: usize, run: &TrainingRun) -> Run {
    let best = best_step(run);
    let figure = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), percent);
    let evaluated = run.points.iter().filter(|point| point.dev_f1.is_some() || point.dev_loss.is_some());
    let evaluations: Vec<_> = evaluated
        .map(|point| Evaluated {
            step: thousands(point.step),
            epochs: format!("{:.4}", point.epoch).trim_end_matches('0').trim_end_matches('.').to_owned(),
            dev_loss: point.dev_loss.map_or_else(|| "–".to_owned(), |loss| format!("{loss:.4}")),
            precision: figure(point.dev_precision),
            recall: figure(point.dev_recall),
            f1: figure(point.dev_f1),
            best: best == Some(point.step) && point.dev_f1.is_some(),
        })
        .collect();
    let words = |row: &Evaluated| format!("highest dev F1 {} at step {}", row.f1, row.step);
    Run { index, name: run.name.clone(), best: evaluations.iter().find(|row| row.best).map(words), evaluations }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_thinned_to_their_ends_and_what_lies_evenly_between() {
        let place = |step: u64| Place { step, value: 0.0, x: 0.0, y: 0.0 };
        let check = |points: u64, most: usize, expected: &[u64]| {
            let kept = thinned((0..points).map(place).collect(), most);
            assert_eq!(kept.iter().map(|place| place.step).collect::<Vec<_>>(), expected);
        };
        check(5, 10, &[0, 1, 2, 3, 4]);
        check(10, 4, &[0, 3, 6, 9]);
        check(11, 4, &[0, 3, 6, 9, 10]);
        check(0, 4, &[]);
    }
}
