/// The share of the highest learning rate that the step after `done` of `total` steps uses: linear warm-up over
/// `warmup × total` steps, then linear decay to zero.
///
/// Source: the `LambdaLR` of the reference recipe, `min((s + 1) / (w n), max(0, (n - s) / ((1 - w) n)))`.
pub(crate) fn rate_factor(done: u64, total: u64, warmup: f64) -> f64 {
    let (done, total) = (done as f64, total as f64);
    let rise = (done + 1.0) / (warmup * total);
    let fall = (total - done) / ((1.0 - warmup) * total);
    rise.min(fall.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::rate_factor;

    fn check(total: u64, warmup: f64, expected: &[f64]) {
        let found: Vec<f64> = (0..total).map(|done| rate_factor(done, total, warmup)).collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn rises_then_falls() {
        // Values printed by torch's LambdaLR with the reference's function, 10 steps.
        check(10, 0.2, &[0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]);
        check(4, 0.0, &[1.0, 0.75, 0.5, 0.25]);
        check(4, 1.0, &[0.25, 0.5, 0.75, 1.0]);
    }
}
