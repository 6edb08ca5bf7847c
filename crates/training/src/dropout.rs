use crate::random;

/// Draws of one generator state; blocks stand apart, so that threads could fill any of them.
const BLOCK: usize = 8192;
/// Generators that run side by side, so that the compiler keeps them in vector registers.
const LANES: usize = 16;

/// Fills a mask: 0 with the site's probability, otherwise `1 / (1 - rate)`. The draws depend on the key and on the
/// index alone, so that a resumed run repeats them.
///
/// The probability is the rate rounded to a multiple of 2⁻¹⁶: each 32-bit draw decides two activations.
pub(crate) fn fill_mask(mask: &mut [f32], rate: f32, key: u64) {
    let threshold = (rate * 65_536.0).round() as u32;
    let kept = (1.0 / (1.0 - rate)).to_bits();
    for (block, piece) in mask.chunks_mut(BLOCK).enumerate() {
        let mut lanes = Lanes::new(random::key(&[key, block as u64]));
        for out in piece.chunks_mut(2 * LANES) {
            lanes.draw(out, threshold, kept);
        }
    }
}

/// The key of a site's mask at a step.
pub(crate) fn mask_key(seed: u64, step: u64, site: usize) -> u64 {
    random::key(&[seed, step, site as u64])
}

/// Independent xoshiro128++ generators (Blackman and Vigna, 2019), one a lane: only shifts and additions, which plain
/// SSE2 has for four lanes at a time.
struct Lanes([[u32; LANES]; 4]);

impl Lanes {
    fn new(key: u64) -> Self {
        let mut state = [[0; LANES]; 4];
        for (word, lanes) in state.iter_mut().enumerate() {
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = random::mix(key ^ (word * LANES + lane) as u64) as u32;
            }
        }
        Self(state)
    }

    #[inline]
    fn draw(&mut self, out: &mut [f32], threshold: u32, kept: u32) {
        let drawn = self.next();
        let mut values = [0.0; 2 * LANES];
        for lane in 0..LANES {
            values[lane] = f32::from_bits(if drawn[lane] & 0xffff < threshold { 0 } else { kept });
            values[LANES + lane] = f32::from_bits(if drawn[lane] >> 16 < threshold { 0 } else { kept });
        }
        out.copy_from_slice(&values[..out.len()]);
    }

    #[inline]
    fn next(&mut self) -> [u32; LANES] {
        let [a, b, c, d] = &mut self.0;
        let mut drawn = [0; LANES];
        for lane in 0..LANES {
            drawn[lane] = a[lane].wrapping_add(d[lane]).rotate_left(7).wrapping_add(a[lane]);
            let shifted = b[lane] << 9;
            c[lane] ^= a[lane];
            d[lane] ^= b[lane];
            b[lane] ^= c[lane];
            a[lane] ^= d[lane];
            c[lane] ^= shifted;
            d[lane] = d[lane].rotate_left(11);
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(length: usize, rate: f32, key: u64) -> Vec<f32> {
        let mut mask = vec![f32::NAN; length];
        fill_mask(&mut mask, rate, key);
        mask
    }

    fn dropped(mask: &[f32]) -> f64 {
        mask.iter().filter(|value| **value == 0.0).count() as f64 / mask.len() as f64
    }

    #[test]
    fn drops_at_its_rate() {
        for rate in [0.0, 0.1, 0.5] {
            let mask = mask(1_000_001, rate, 3);
            // Four standard deviations of a share over a million draws are below 0.002.
            assert!((dropped(&mask) - f64::from(rate)).abs() < 0.002, "{rate}: {}", dropped(&mask));
            let kept = (1.0 / (1.0 - rate)).to_bits();
            assert!(mask.iter().all(|value| [0, kept].contains(&value.to_bits())));
        }
    }

    #[test]
    fn neighbours_sites_and_steps_are_independent() {
        let first = mask(1 << 20, 0.1, mask_key(1, 5, 0));
        for (name, second) in [
            ("next site", mask(1 << 20, 0.1, mask_key(1, 5, 1))),
            ("next step", mask(1 << 20, 0.1, mask_key(1, 6, 0))),
            ("next seed", mask(1 << 20, 0.1, mask_key(2, 5, 0))),
            ("next index", first[1..].to_vec()),
            ("next lane half", first[LANES..].to_vec()),
            ("next block", first[BLOCK..].to_vec()),
        ] {
            let both = first.iter().zip(&second).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            let share = both as f64 / second.len() as f64;
            assert!((share - 0.01).abs() < 0.001, "{name}: {share}");
        }
    }

    #[test]
    fn depends_on_key_and_index_alone() {
        let long = mask(20_000, 0.1, 9);
        assert_eq!(mask(20_000, 0.1, 9), long);
        assert_eq!(mask(8_200, 0.1, 9), long[..8_200]);
    }
}
