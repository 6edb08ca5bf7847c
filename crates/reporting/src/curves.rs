//! Learning curves: the compared figure against an axis of the matrix that holds numbers.

use std::collections::BTreeMap;
use std::fmt::Write;

use clinsynth_contract::Score;
use serde::Serialize;

use crate::axis::{Axis, Tick};
use crate::numbers::{percent, share, thousands};
use crate::scores::{figure_name, figure_words};
use crate::sets::{EvaluationSet, STEP, axes_of, in_order};

/// Values that an axis must have to be drawn.
const LEAST_VALUES: usize = 3;
/// The axis of runs: its values are names, although they are numbers.
const RUNS: &str = "seed";
/// Between the largest number and a word, and between 0 and the smallest number, as a share of the numbers' part.
const GAP: f64 = 0.18;

/// One chart with its table.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) dataset: String,
    pub(crate) axis: String,
    metric: String,
    level: Option<String>,
    logarithmic: bool,
    ticks: Vec<Tick>,
    rows_up: Vec<Tick>,
    lines: Vec<Line>,
    rows: Vec<Row>,
    pub(crate) cells: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Line {
    index: usize,
    name: String,
    /// Path data in a square of 1000 by 1000.
    path: String,
    band: Option<String>,
    dots: Vec<Dot>,
}

#[derive(Debug, Serialize)]
struct Dot {
    x: String,
    y: String,
    low: Option<String>,
    high: Option<String>,
    words: String,
}

#[derive(Debug, Serialize)]
struct Row {
    value: String,
    cells: Vec<Option<Cell>>,
}

#[derive(Debug, Serialize)]
struct Cell {
    value: String,
    interval: Option<String>,
}

/// Systems that differ in one axis alone.
#[derive(Debug)]
pub(crate) struct Series<'r> {
    /// The values of the other axes.
    pub(crate) fixed: BTreeMap<String, String>,
    /// By number, words last.
    pub(crate) points: Vec<Point<'r>>,
}

/// One system of a series.
#[derive(Debug)]
pub(crate) struct Point<'r> {
    pub(crate) text: String,
    pub(crate) number: Option<f64>,
    pub(crate) score: &'r Score,
}

/// The axes of a set that have at least three numbers among their values.
pub(crate) fn numeric_axes(set: &EvaluationSet<'_>) -> Vec<String> {
    let mut numbers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for system in set.systems.iter().filter(|system| !system.baseline) {
        for (axis, value) in axes_of(system.name).into_iter().filter(|(axis, _)| axis != STEP && axis != RUNS) {
            let values = numbers.entry(axis).or_default();
            if number(&value).is_some() && !values.contains(&value) {
                values.push(value);
            }
        }
    }
    numbers.into_iter().filter(|(_, values)| values.len() >= LEAST_VALUES).map(|(axis, _)| axis).collect()
}

/// The systems along an axis, by the values of all other axes; a system alone is left out.
pub(crate) fn series<'r>(set: &EvaluationSet<'r>, axis: &str) -> Vec<Series<'r>> {
    let mut found: BTreeMap<BTreeMap<String, String>, Vec<Point<'r>>> = BTreeMap::new();
    for system in set.systems.iter().filter(|system| !system.baseline) {
        let mut fixed = axes_of(system.name);
        let Some((text, score)) = fixed.remove(axis).zip(system.measured(&set.measure)) else { continue };
        found.entry(fixed).or_default().push(Point { number: number(&text), text, score });
    }
    let sorted = |(fixed, mut points): (_, Vec<Point<'r>>)| {
        points.sort_by(|one, other| place(one).total_cmp(&place(other)).then_with(|| one.text.cmp(&other.text)));
        Series { fixed, points }
    };
    found.into_iter().filter(|(_, points)| points.len() > 1).map(sorted).collect()
}

/// Numbers in their order, words after all numbers.
fn place(point: &Point<'_>) -> f64 {
    point.number.unwrap_or(f64::INFINITY)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

/// The curves of a set.
pub(crate) fn curves(set: &EvaluationSet<'_>) -> Vec<Curve> {
    numeric_axes(set).iter().filter_map(|axis| curve(set, axis)).collect()
}

fn curve(set: &EvaluationSet<'_>, axis: &str) -> Option<Curve> {
    let series = series(set, axis);
    let points: Vec<&Point<'_>> = series.iter().flat_map(|series| &series.points).collect();
    let places = Places::new(&points);
    if places.0.len() < LEAST_VALUES {
        return None;
    }
    let ends = points.iter().flat_map(|point| {
        let value = point.score.value;
        [point.score.low.unwrap_or(value), point.score.high.unwrap_or(value)]
    });
    let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let up = Axis::covering((low - 0.01).max(0.0), (high + 0.01).min(1.0), 5);
    let names = names(&series);
    let lines = series.iter().zip(&names).enumerate();
    let lines = lines.map(|(index, (series, name))| line(index, name, series, &places, &up)).collect();
    let row = |(text, _): &(String, f64)| {
        let of_line = |series: &Series<'_>| series.points.iter().find(|point| point.text == *text).map(cell);
        Row { value: shown_value(text), cells: series.iter().map(of_line).collect() }
    };
    Some(Curve {
        dataset: set.dataset.to_owned(),
        axis: axis.to_owned(),
        metric: figure_name(&set.measure),
        level: points.iter().find_map(|point| point.score.level).map(crate::scores::level),
        logarithmic: spread(&points),
        ticks: places.0.iter().map(|(text, at)| Tick { at: share(*at, 1.0), label: shown_value(text) }).collect(),
        rows_up: up.ticks_up(|value| up.plain_percent(value)),
        lines,
        rows: places.0.iter().map(row).collect(),
        cells: series.iter().zip(&names).flat_map(|(series, name)| csv(set.dataset, axis, name, series)).collect(),
    })
}

/// A number with commas, a word as it is; without a limit (null) it is all.
pub(crate) fn shown_value(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(count) => thousands(count),
        Err(_) if text == "null" => "all".to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// The names of lines by what tells them apart; the figure's own where there is one line alone.
fn names(series: &[Series<'_>]) -> Vec<String> {
    let axes = in_order(series.iter().flat_map(|series| series.fixed.keys().map(String::as_str)));
    let differs = |axis: &&str| series.iter().any(|one| one.fixed.get(*axis) != series[0].fixed.get(*axis));
    let told: Vec<&str> = axes.into_iter().filter(differs).collect();
    let part = |series: &Series<'_>, axis: &str| {
        let value = series.fixed.get(axis)?;
        Some(if axis == STEP { value.clone() } else { format!("{axis}={value}") })
    };
    let name = |series: &Series<'_>| {
        let parts: Vec<String> = told.iter().filter_map(|axis| part(series, axis)).collect();
        if parts.is_empty() { series.fixed.get(STEP).cloned().unwrap_or_default() } else { parts.join(", ") }
    };
    series.iter().map(name).collect()
}

/// The values along the axis with their places, 0 to 1 from the left.
struct Places(Vec<(String, f64)>);

impl Places {
    /// By number, on a logarithmic scale where they span more than a decade; 0 then stands apart at the left, and words
    /// stand apart at the right.
    fn new(points: &[&Point<'_>]) -> Self {
        let mut values: Vec<(String, Option<f64>)> = Vec::new();
        for point in points {
            if !values.iter().any(|(text, _)| *text == point.text) {
                values.push((point.text.clone(), point.number));
            }
        }
        values.sort_by(|one, other| {
            let place = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
            place(one.1).total_cmp(&place(other.1)).then_with(|| one.0.cmp(&other.0))
        });
        let logarithmic = spread(points);
        let on_scale = |number: f64| if logarithmic { number.ln() } else { number };
        let scaled: Vec<f64> = values
            .iter()
            .filter_map(|(_, number)| number.filter(|number| !logarithmic || *number > 0.0).map(on_scale))
            .collect();
        let (first, last) = (scaled.first().copied().unwrap_or(0.0), scaled.last().copied().unwrap_or(1.0));
        let width = if last > first { last - first } else { 1.0 };
        let mut words = 0.0;
        let mut places: Vec<f64> = Vec::new();
        for (_, number) in &values {
            places.push(match number {
                Some(number) if logarithmic && *number == 0.0 => -GAP,
                Some(number) => (on_scale(*number) - first) / width,
                None => {
                    words += GAP;
                    1.0 + words
                }
            });
        }
        let (left, right) = (places.first().copied().unwrap_or(0.0), places.last().copied().unwrap_or(1.0));
        let width = if right > left { right - left } else { 1.0 };
        Self(values.into_iter().zip(places).map(|((text, _), at)| (text, (at - left) / width)).collect())
    }

    fn of(&self, text: &str) -> f64 {
        self.0.iter().find(|(value, _)| value == text).map_or(0.0, |(_, at)| *at)
    }
}

/// Whether the numbers above 0 span more than a decade.
fn spread(points: &[&Point<'_>]) -> bool {
    let numbers = || points.iter().filter_map(|point| point.number).filter(|number| *number > 0.0);
    let (low, high) = (numbers().fold(f64::INFINITY, f64::min), numbers().fold(0.0, f64::max));
    high / low > 10.0
}

fn line(index: usize, name: &str, series: &Series<'_>, places: &Places, up: &Axis) -> Line {
    let mut path = String::new();
    let (mut upper, mut lower) = (String::new(), Vec::new());
    for (number, point) in series.points.iter().enumerate() {
        let x = places.of(&point.text) * 1000.0;
        let y = |value: f64| (1.0 - up.fraction(value)) * 1000.0;
        let command = if number == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{x:.1} {:.1}", y(point.score.value));
        if let Some((low, high)) = point.score.low.zip(point.score.high) {
            let _ = write!(upper, "{}{x:.1} {:.1}", if upper.is_empty() { 'M' } else { 'L' }, y(high));
            lower.push(format!("L{x:.1} {:.1}", y(low)));
        }
    }
    lower.reverse();
    let dot = |point: &Point<'_>| Dot {
        x: share(places.of(&point.text), 1.0),
        y: up.down(point.score.value),
        low: point.score.low.map(|low| up.down(low)),
        high: point.score.high.map(|high| up.down(high)),
        words: format!("{name}, {}: {}", shown_value(&point.text), figure_words(point.score)),
    };
    Line {
        index,
        name: name.to_owned(),
        path,
        band: (lower.len() > 1).then(|| format!("{upper}{}Z", lower.concat())),
        dots: series.points.iter().map(dot).collect(),
    }
}

fn cell(point: &Point<'_>) -> Cell {
    let interval = point.score.low.zip(point.score.high);
    Cell {
        value: percent(point.score.value),
        interval: interval.map(|(low, high)| format!("{}–{}", percent(low), percent(high))),
    }
}

fn csv(dataset: &str, axis: &str, line: &str, series: &Series<'_>) -> Vec<Vec<String>> {
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let row = |point: &Point<'_>| {
        let score = point.score;
        let figures = [Some(score.value), score.low, score.high, score.level].map(optional);
        let names = [dataset, axis, line, &point.text, &score.scheme, &score.label, &score.metric].map(str::to_owned);
        names.into_iter().chain(figures).chain([score.runs.to_string()]).collect()
    };
    series.points.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::evaluation_sets;
    use crate::sets::tests::strict_report as report;

    fn check_places(values: &[&str], expected: &[(&str, &str)]) {
        let names: Vec<String> = values.iter().map(|value| format!("predict@size={value}")).collect();
        let report = report(&names.iter().map(|name| (name.as_str(), 0.5)).collect::<Vec<_>>());
        let sets = evaluation_sets(&report);
        let drawn = curves(&sets[0]);
        let found: Vec<_> = drawn[0].ticks.iter().map(|tick| (tick.label.as_str(), tick.at.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_stand_in_scale_with_zero_and_words_apart() {
        check_places(&["4", "1", "2", "3"], &[("1", "0.00%"), ("2", "33.33%"), ("3", "66.67%"), ("4", "100.00%")]);
        check_places(&["0", "5", "10"], &[("0", "0.00%"), ("5", "50.00%"), ("10", "100.00%")]);
        check_places(&["10", "100", "1000"], &[("10", "0.00%"), ("100", "50.00%"), ("1,000", "100.00%")]);
        check_places(&["null", "1", "3", "2"], &[("1", "0.00%"), ("2", "42.37%"), ("3", "84.75%"), ("all", "100.00%")]);
        let apart = [("0", "0.00%"), ("10", "13.24%"), ("100", "50.00%"), ("1,000", "86.76%"), ("all", "100.00%")];
        check_places(&["all", "10", "0", "100", "1000"], &apart);
    }

    #[test]
    fn only_axes_of_three_numbers_are_curves_and_seeds_are_none() {
        let check = |systems: &[&str], expected: &[&str]| {
            let report = report(&systems.iter().map(|name| (*name, 0.5)).collect::<Vec<_>>());
            let sets = evaluation_sets(&report);
            let found: Vec<String> = curves(&sets[0]).into_iter().map(|curve| curve.axis).collect();
            assert_eq!(found, expected);
        };
        check(&["p@size=1", "p@size=2", "p@size=all"], &[]);
        check(&["p@size=1", "p@size=2", "p@size=3"], &["size"]);
        check(&["p@seed=1", "p@seed=2", "p@seed=3"], &[]);
        check(&["p@name=a", "p@name=b", "p@name=c", ""], &[]);
    }

    #[test]
    fn each_combination_of_the_other_axes_is_a_line() {
        let systems = [
            ("p@init=encoder,size=1", 0.1),
            ("p@init=encoder,size=3", 0.3),
            ("p@init=synthetic,size=3", 0.6),
            ("p@init=synthetic,size=2", 0.5),
            ("zero-shot", 0.9),
        ];
        let report = report(&systems);
        let sets = evaluation_sets(&report);
        let curve = curves(&sets[0]).remove(0);
        let names: Vec<_> = curve.lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["init=encoder", "init=synthetic"]);
        let cells = |row: &Row| row.cells.iter().map(|cell| cell.as_ref().map(|cell| cell.value.clone())).collect();
        let rows: Vec<(String, Vec<Option<String>>)> =
            curve.rows.iter().map(|row| (row.value.clone(), cells(row))).collect();
        let expected = [("1", [Some("10.0"), None]), ("2", [None, Some("50.0")]), ("3", [Some("30.0"), Some("60.0")])];
        let expected =
            expected.map(|(value, cells)| (value.to_owned(), cells.map(|cell| cell.map(str::to_owned)).to_vec()));
        assert_eq!(rows, expected);
        assert_eq!(curve.lines[0].path, "M0.0 875.0L1000.0 625.0");
    }
}
