use serde::Serialize;

/// An axis with round ticks. Places along it are SVG percentages, so a chart stretches without scaling its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    /// Decimals that tell the ticks apart.
    decimals: usize,
    logarithmic: bool,
}

/// A tick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Tick {
    /// Place along the axis, as an SVG percentage.
    pub(crate) at: String,
    /// What stands beside it.
    pub(crate) label: String,
}

impl Axis {
    /// A linear axis that covers `low..=high` with about `count` steps of 1, 2 or 5 times a power of ten.
    pub(crate) fn covering(low: f64, high: f64, count: usize) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let raw = (high - low) / count as f64;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * 0.999).unwrap_or(10.0) * power;
        // The small allowance keeps 0.30000000000000004 from opening a further step.
        let first = (low / step + 1e-9).floor() as i64;
        let last = (high / step - 1e-9).ceil() as i64;
        let ticks: Vec<f64> = (first..=last).map(|index| index as f64 * step).collect();
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        Self { low: first as f64 * step, high: last as f64 * step, ticks, decimals, logarithmic: false }
    }

    /// A logarithmic axis that covers `low..=high`, both above 0, from tick to tick at 1, 2 and 5 times powers of ten.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        let powers = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32;
        let round: Vec<f64> =
            powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power))).collect();
        let first = round.iter().rposition(|tick| *tick <= low * 1.001).unwrap_or(0);
        let last = round.iter().position(|tick| *tick >= high * 0.999).unwrap_or(round.len() - 1).max(first + 1);
        let ticks = round[first..=last].to_vec();
        let decimals = (-ticks[0].log10().floor()).max(0.0) as usize;
        Self { low: ticks[0], high: ticks[ticks.len() - 1], ticks, decimals, logarithmic: true }
    }

    /// The same axis, ended at its data: for steps, where an empty stretch would look like missing training.
    pub(crate) fn ended_at(mut self, high: f64) -> Self {
        if high > self.low {
            self.ticks.retain(|tick| *tick <= high);
            self.high = high;
        }
        self
    }

    /// Place of `value`, 0 to 1.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        let fraction = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        fraction.clamp(0.0, 1.0)
    }

    /// Place of `value` from the left, as an SVG percentage.
    pub(crate) fn across(&self, value: f64) -> String {
        format!("{:.2}%", self.fraction(value) * 100.0)
    }

    /// Place of `value` from the top, with the axis pointing up.
    pub(crate) fn down(&self, value: f64) -> String {
        format!("{:.2}%", (1.0 - self.fraction(value)) * 100.0)
    }

    /// The ticks from left to right, labelled by `label`.
    pub(crate) fn ticks_across(&self, label: impl Fn(f64) -> String) -> Vec<Tick> {
        self.ticks.iter().map(|&value| Tick { at: self.across(value), label: label(value) }).collect()
    }

    /// The ticks from bottom to top, labelled by `label`.
    pub(crate) fn ticks_up(&self, label: impl Fn(f64) -> String) -> Vec<Tick> {
        self.ticks.iter().map(|&value| Tick { at: self.down(value), label: label(value) }).collect()
    }

    /// A value with just the decimals that tell the ticks apart.
    pub(crate) fn plain(&self, value: f64) -> String {
        if self.logarithmic { format!("{value}") } else { format!("{value:.*}", self.decimals) }
    }

    /// [`Self::plain`] of a linear axis, times a hundred.
    pub(crate) fn plain_percent(&self, value: f64) -> String {
        format!("{:.*}", self.decimals.saturating_sub(2), value * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(low: f64, high: f64, count: usize, expected: &[&str]) {
        let axis = Axis::covering(low, high, count);
        let labels: Vec<_> = axis.ticks_across(|value| axis.plain(value)).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, expected, "{low}..{high}");
    }

    #[test]
    fn ticks_are_round_and_cover_the_data() {
        check(0.0, 1.0, 5, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(61.2, 83.4, 5, &["60", "65", "70", "75", "80", "85"]);
        check(0.0, 0.3, 3, &["0.0", "0.1", "0.2", "0.3"]);
        check(0.0, 1240.0, 6, &["0", "500", "1000", "1500"]);
        check(7.0, 7.0, 4, &["7.0", "7.5", "8.0"]);
    }

    #[test]
    fn logarithmic_ticks_are_round_and_cover_the_data() {
        let axis = Axis::logarithmic(0.012, 1.04);
        let labels: Vec<_> = axis.ticks_up(|value| axis.plain(value)).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!([axis.across(0.01), axis.across(2.0), axis.across(0.0)], ["0.00%", "100.00%", "0.00%"]);
        assert_eq!(Axis::logarithmic(0.1, 0.1).plain(0.1), "0.1");
    }

    #[test]
    fn places_run_from_end_to_end() {
        let axis = Axis::covering(0.0, 100.0, 5).ended_at(80.0);
        assert_eq!([axis.across(0.0), axis.across(40.0), axis.down(80.0)], ["0.00%", "50.00%", "0.00%"]);
        assert_eq!(axis.ticks_up(|value| axis.plain(value)).last().map(|tick| tick.at.clone()), Some("0.00%".into()));
    }
}
