//! Parts of the mentions: F1 by length, and by whether and how often training held the mention.

use serde::Serialize;

use crate::axis::Tick;
use crate::numbers::thousands;
use crate::scores::{Figure, covering, figure};
use crate::sets::{ALL, MICRO, SystemScores, in_order};

/// What the axes of slices are about, in the order of the chart; others follow.
const AXES: [(&str, &str); 3] =
    [("seen", "Seen in training"), ("frequency", "Times in training"), ("words", "Words of the mention")];
/// The axis of the calibration chart.
pub(crate) const SCORE: &str = "score";

/// One dot and whisker for each slice.
#[derive(Debug, Serialize)]
pub(crate) struct SliceChart {
    ticks: Vec<Tick>,
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    support: String,
    figure: Figure,
}

/// The chart of a system's slices, unless it has none.
pub(crate) fn slice_chart(system: &SystemScores<'_>) -> Option<SliceChart> {
    let of_slice = |score: &&&clinsynth_contract::Score| {
        let axis = score.slice.split_once('=').map(|(axis, _)| axis);
        axis.is_some_and(|axis| axis != SCORE) && score.metric == "f1" && [MICRO, ALL].contains(&score.label.as_str())
    };
    let rows: Vec<_> = system.scores.iter().filter(of_slice).copied().collect();
    let found = in_order(rows.iter().filter_map(|score| Some(score.slice.split_once('=')?.0)));
    let known = AXES.iter().map(|(axis, _)| *axis).filter(|axis| found.contains(axis));
    let others = found.iter().copied().filter(|axis| AXES.iter().all(|(name, _)| name != axis));
    let axis = covering(rows.iter().copied());
    let group = |name: &str| {
        let of_group =
            rows.iter().filter_map(|score| Some((score.slice.strip_prefix(name)?.strip_prefix('=')?, score)));
        let rows = of_group.map(|(value, score)| Row {
            name: value.to_owned(),
            support: thousands(score.support / u64::from(score.runs.max(1))),
            figure: figure(score, &axis),
        });
        let shown = AXES.iter().find(|(axis, _)| *axis == name).map_or(name, |(_, shown)| shown);
        Group { name: shown.to_owned(), rows: rows.collect() }
    };
    let groups: Vec<_> = known.chain(others).map(group).collect();
    (!groups.is_empty()).then(|| SliceChart { ticks: axis.ticks_across(|value| axis.plain_percent(value)), groups })
}
