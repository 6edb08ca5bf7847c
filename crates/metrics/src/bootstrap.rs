//! The bootstrap over documents (Efron 1979), with percentile and bias-corrected and accelerated intervals (Efron 1987).

use crate::board::CountTable;
use crate::distributions::{normal_cdf, normal_quantile};
use crate::random::Draws;

/// How an interval is read off the resampled figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalMethod {
    /// The middle of the resampled figures.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987), as `scipy.stats.bootstrap`: better where figures are near 0 or 1 or
    /// documents are few. A figure that no resample moves to either side keeps its percentile interval.
    Bca,
}

impl IntervalMethod {
    /// The name in the `interval` column of scores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Percentile => "percentile",
            Self::Bca => "bca",
        }
    }
}

/// How intervals are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Resamples of as many documents as there are; 0 for no intervals.
    pub samples: u32,
    /// Coverage, between 0 and 1.
    pub level: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// How intervals are read off the resamples.
    pub method: IntervalMethod,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { samples: 1000, level: 0.95, seed: 0, method: IntervalMethod::Percentile }
    }
}

/// The figures of every resample.
#[derive(Debug)]
pub(crate) struct Resampled {
    /// The figures of the documents as they are.
    pub(crate) observed: Vec<f64>,
    /// For each figure its values over the resamples; empty without resamples.
    pub(crate) columns: Vec<Vec<f64>>,
    /// The acceleration of each figure, for bias-corrected and accelerated intervals; empty for percentiles.
    accelerations: Vec<f64>,
}

/// Resamples documents. `statistic` turns summed counts into figures, always as many.
///
/// Draw `i` of resample `b` is a pure function of (seed, b, i).
pub(crate) fn resample(
    table: &CountTable,
    bootstrap: Bootstrap,
    statistic: impl Fn(&[u64], &mut Vec<f64>),
) -> Resampled {
    let mut observed = Vec::new();
    statistic(&table.total(), &mut observed);
    if bootstrap.samples == 0 {
        return Resampled { observed, columns: Vec::new(), accelerations: Vec::new() };
    }
    let number = table.documents() as u64;
    let draws = Draws::new(bootstrap.seed);
    let mut columns = vec![Vec::with_capacity(bootstrap.samples as usize); observed.len()];
    let mut sums = vec![0; table.width()];
    let mut values = Vec::with_capacity(observed.len());
    for sample in 0..u64::from(bootstrap.samples) {
        sums.fill(0);
        for draw in 0..number {
            add(&mut sums, table.row(draws.below(number, sample * number + draw) as usize));
        }
        values.clear();
        statistic(&sums, &mut values);
        columns.iter_mut().zip(&values).for_each(|(column, &value)| column.push(value));
    }
    let accelerations = match bootstrap.method {
        IntervalMethod::Percentile => Vec::new(),
        IntervalMethod::Bca => accelerations(table, &statistic),
    };
    Resampled { observed, columns, accelerations }
}

impl Resampled {
    /// The interval of one figure; none without resamples.
    pub(crate) fn interval(&self, figure: usize, level: f64) -> Option<(f64, f64)> {
        let mut sorted = self.columns.get(figure)?.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        let (low, high) = self
            .accelerations
            .get(figure)
            .and_then(|&acceleration| bca_shares(&sorted, self.observed[figure], acceleration, tail))
            .unwrap_or((tail, 1.0 - tail));
        Some((quantile(&sorted, low), quantile(&sorted, high)))
    }
}

fn add(sums: &mut [u64], counts: &[u32]) {
    for (sum, &count) in sums.iter_mut().zip(counts) {
        *sum += u64::from(count);
    }
}

/// The acceleration of each figure, from its values with one document left out (Efron 1987, equation 6.6 by the
/// jackknife): `Σ d³ / (6 (Σ d²)^1.5)`, where `d` is the mean of those values less each.
fn accelerations(table: &CountTable, statistic: &impl Fn(&[u64], &mut Vec<f64>)) -> Vec<f64> {
    let total = table.total();
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(table.documents());
    for document in table.rows() {
        let rest: Vec<u64> = total.iter().zip(document).map(|(&sum, &count)| sum - u64::from(count)).collect();
        let mut figures = Vec::new();
        statistic(&rest, &mut figures);
        values.push(figures);
    }
    let figures = values.first().map_or(0, Vec::len);
    let acceleration = |figure: usize| {
        let mean = values.iter().map(|row| row[figure]).sum::<f64>() / values.len() as f64;
        let (mut squares, mut cubes) = (0.0, 0.0);
        for row in &values {
            let away = mean - row[figure];
            squares += away * away;
            cubes += away * away * away;
        }
        if squares == 0.0 { 0.0 } else { cubes / (6.0 * squares.powf(1.5)) }
    };
    (0..figures).map(acceleration).collect()
}

/// The shares of the resampled figures at which a bias-corrected and accelerated interval ends; none when all of them lie on one side of the figure.
fn bca_shares(sorted: &[f64], observed: f64, acceleration: f64, tail: f64) -> Option<(f64, f64)> {
    let below = sorted.partition_point(|&value| value < observed);
    let at_most = sorted.partition_point(|&value| value <= observed);
    let bias = normal_quantile((below + at_most) as f64 / (2 * sorted.len()) as f64);
    if !bias.is_finite() {
        return None;
    }
    let moved = |z: f64| normal_cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
    let z = normal_quantile(tail);
    Some((moved(z), moved(-z)))
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7; the default of numpy).
pub(crate) fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let position = fraction * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([0, 1, 2, 10], [0, 0.025, 0.5, 0.9, 1])
        let sorted = [0.0, 1.0, 2.0, 10.0];
        for (fraction, expected) in [(0.0, 0.0), (0.025, 0.075), (0.5, 1.5), (0.9, 7.6), (1.0, 10.0)] {
            assert!((quantile(&sorted, fraction) - expected).abs() < 1e-12, "{fraction}");
        }
    }
}
