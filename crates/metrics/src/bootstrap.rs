//! Percentile bootstrap over documents (Efron 1979).

use crate::matching::Tally;

/// How intervals are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Resamples of as many documents as there are; 0 for no intervals.
    pub samples: u32,
    /// Coverage, between 0 and 1.
    pub level: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { samples: 1000, level: 0.95, seed: 0 }
    }
}

/// Calls `visit` with the summed tallies (one for each label) of each resample.
///
/// `documents` holds `labels` tallies for each document, document by document. Draw `i` of resample `b` is a pure
/// function of (seed, b, i), so resamples can be computed in any order.
pub(crate) fn resample(documents: &[Tally], labels: usize, bootstrap: Bootstrap, mut visit: impl FnMut(&[Tally])) {
    let number = (documents.len() / labels) as u64;
    let key = mix(bootstrap.seed);
    let mut sums = vec![Tally::default(); labels];
    for sample in 0..u64::from(bootstrap.samples) {
        sums.fill(Tally::default());
        for draw in 0..number {
            let chosen = below(number, mix(key.wrapping_add((sample * number + draw).wrapping_mul(GOLDEN))));
            let at = chosen as usize * labels;
            for (sum, &tally) in sums.iter_mut().zip(&documents[at..at + labels]) {
                *sum += tally;
            }
        }
        visit(&sums);
    }
}

/// The interval of a level that holds the middle of the values.
pub(crate) fn percentiles(mut values: Vec<f64>, level: f64) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    (quantile(&values, tail), quantile(&values, 1.0 - tail))
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7; the default of numpy).
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let position = fraction * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

/// Increment of splitmix64 (Steele, Lea and Flood 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Finaliser of splitmix64: a bijection whose outputs over a counter pass as random.
const fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound` from 64 random bits, by multiplication (Lemire 2019); the bias is below `bound / 2^64`.
const fn below(bound: u64, bits: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
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

    #[test]
    fn draws_cover_the_documents_evenly() {
        let mut seen = [0u32; 10];
        for counter in 0..100_000u64 {
            seen[below(10, mix(counter.wrapping_mul(GOLDEN))) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (9_600..10_400).contains(&count)), "{seen:?}");
    }
}
