use std::time::Duration;

use clinsynth_contract::Hasher;

/// Longest wait between two attempts that is our own choice.
const LONGEST: Duration = Duration::from_secs(30);

/// Longest wait that a server may ask for; beyond it the request is given up.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_mins(10);

/// The wait before attempt `attempt` (1 for the first repetition): doubles each time, and then a part between a half and
/// the whole of it is taken, so that requests that failed together do not come back together.
///
/// The part follows from `key`, the request: the same run waits the same times.
pub(crate) fn backoff(first: Duration, attempt: u32, key: &str) -> Duration {
    let doubled = first.saturating_mul(1 << (attempt - 1).min(20)).min(LONGEST);
    let digest = Hasher::new().field(key).field(attempt.to_le_bytes()).finish();
    // Twelve hexadecimal digits: 48 random bits.
    let fraction = u64::from_str_radix(digest.short(), 16).unwrap_or_default() as f64 / (1u64 << 48) as f64;
    doubled.mul_f64(0.5 + fraction / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_within_bounds_and_spreads() {
        for attempt in 1..40 {
            let full = Duration::from_millis(500).saturating_mul(1 << (attempt - 1).min(20)).min(LONGEST);
            let wait = backoff(Duration::from_millis(500), attempt, "q1");
            assert!(wait >= full / 2 && wait <= full, "{attempt}: {wait:?} of {full:?}");
        }
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|index| backoff(Duration::from_secs(1), 1, &index.to_string())).collect();
        assert_eq!(waits.len(), 100);
        assert_eq!(backoff(Duration::from_secs(1), 2, "q"), backoff(Duration::from_secs(1), 2, "q"));
    }
}
