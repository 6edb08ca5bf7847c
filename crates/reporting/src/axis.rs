use serde::Serialize;

/// A linear axis with round ticks. Places along it are SVG percentages, so a chart stretches without scaling its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    step: f64,
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
    /// An axis that covers `low..=high` with about `count` steps of 1, 2 or 5 times a power of ten.
    pub(crate) fn covering(low: f64, high: f64, count: usize) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let raw = (high - low) / count as f64;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * 0.999).unwrap_or(10.0) * power;
        // The small allowance keeps 0.30000000000000004 from opening a further step.
        let low = (low / step + 1e-9).floor() * step;
        let high = (high / step - 1e-9).ceil() * step;
        Self { low, high, step }
    }

    /// The same axis, ended at its data: for steps, where an empty stretch would look like missing training.
    pub(crate) fn ended_at(self, low: f64, high: f64) -> Self {
        if high > low { Self { low, high, ..self } } else { self }
    }

    /// Place of `value`, 0 to 1.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
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
        self.values().map(|value| Tick { at: self.across(value), label: label(value) }).collect()
    }

    /// The ticks from bottom to top, labelled by `label`.
    pub(crate) fn ticks_up(&self, label: impl Fn(f64) -> String) -> Vec<Tick> {
        self.values().map(|value| Tick { at: self.down(value), label: label(value) }).collect()
    }

    /// A value written with just the decimals that tell the ticks apart.
    pub(crate) fn plain(&self, value: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.decimals$}")
    }

    /// [`Self::plain`], times a hundred.
    pub(crate) fn plain_percent(&self, value: f64) -> String {
        let decimals = (-(self.step * 100.0).log10().floor()).max(0.0) as usize;
        format!("{:.decimals$}", value * 100.0)
    }

    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let first = (self.low / self.step - 1e-9).ceil() as i64;
        let last = (self.high / self.step + 1e-9).floor() as i64;
        (first..=last).map(|index| index as f64 * self.step)
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
    fn places_run_from_end_to_end() {
        let axis = Axis::covering(0.0, 100.0, 5).ended_at(0.0, 80.0);
        assert_eq!([axis.across(0.0), axis.across(40.0), axis.down(80.0)], ["0.00%", "50.00%", "0.00%"]);
        assert_eq!(axis.ticks_up(|value| axis.plain(value)).last().map(|tick| tick.at.clone()), Some("0.00%".into()));
    }
}
