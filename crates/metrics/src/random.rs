//! Draws that are pure functions of a seed and a counter, so that they can be made in any order.

/// Increment of splitmix64 (Steele, Lea and Flood 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws by counter under one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// 64 random bits for a counter.
    pub(crate) const fn bits(self, counter: u64) -> u64 {
        mix(self.0.wrapping_add(counter.wrapping_mul(GOLDEN)))
    }

    /// A number below `bound`, by multiplication (Lemire 2019); the bias is below `bound / 2^64`.
    pub(crate) const fn below(self, bound: u64, counter: u64) -> u64 {
        ((self.bits(counter) as u128 * bound as u128) >> 64) as u64
    }
}

/// Finaliser of splitmix64: a bijection whose outputs over a counter pass as random.
const fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_cover_the_range_evenly() {
        let mut seen = [0u32; 10];
        for counter in 0..100_000 {
            seen[Draws(0).below(10, counter) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (9_600..10_400).contains(&count)), "{seen:?}");
    }
}
