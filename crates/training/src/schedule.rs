use serde::{Deserialize, Serialize};

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// In a line to zero.
    #[default]
    Linear,
    /// By half a cosine to zero.
    Cosine,
    /// Not at all.
    Constant,
}

/// The share of the highest learning rate that the step after `done` of `total` steps uses: linear warm-up over
/// `warmup × total` steps, then what the schedule says.
///
/// Source: the `LambdaLR` of the reference recipe, `min((s + 1) / (w n), max(0, (n - s) / ((1 - w) n)))`; the cosine is
/// `(1 - cos πf) / 2` of its falling term `f` (Loshchilov and Hutter, SGDR, 2017, arXiv 1608.03983, without restarts).
pub(crate) fn rate_factor(schedule: Schedule, done: u64, total: u64, warmup: f64) -> f64 {
    let (done, total) = (done as f64, total as f64);
    let rise = (done + 1.0) / (warmup * total);
    let left = ((total - done) / ((1.0 - warmup) * total)).max(0.0);
    let fall = match schedule {
        Schedule::Linear => left,
        Schedule::Cosine => (1.0 - (std::f64::consts::PI * left.min(1.0)).cos()) / 2.0,
        Schedule::Constant => 1.0,
    };
    rise.min(fall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: Schedule, total: u64, warmup: f64, expected: &[f64]) {
        let found: Vec<f64> = (0..total).map(|done| rate_factor(schedule, done, total, warmup)).collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn rises_then_falls() {
        // Values printed by torch's LambdaLR with the reference's function, 10 steps.
        check(Schedule::Linear, 10, 0.2, &[0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]);
        check(Schedule::Linear, 4, 0.0, &[1.0, 0.75, 0.5, 0.25]);
        check(Schedule::Linear, 4, 1.0, &[0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn other_ways_down() {
        check(Schedule::Constant, 4, 0.5, &[0.5, 1.0, 1.0, 1.0]);
        let half = |share: f64| (1.0 - (std::f64::consts::PI * share).cos()) / 2.0;
        check(Schedule::Cosine, 4, 0.0, &[1.0, half(0.75), 0.5, half(0.25)]);
    }
}
