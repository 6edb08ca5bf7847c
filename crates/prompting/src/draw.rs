/// Draws that depend on a seed and on nothing else: the same on every machine.
///
/// Source: `SplitMix64`, Steele, Lea and Flood 2014.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// A stream of its own for each seed and number.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut draw = Self(seed);
        let start = draw.next();
        Self(start ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Brings a list into random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_same_everywhere() {
        let mut items: Vec<u32> = (0..8).collect();
        Draw::new(7, 0).shuffle(&mut items);
        let mut again: Vec<u32> = (0..8).collect();
        Draw::new(7, 0).shuffle(&mut again);
        assert_eq!(items, again);
        let mut other: Vec<u32> = (0..8).collect();
        Draw::new(7, 1).shuffle(&mut other);
        assert_ne!(items, other);
        items.sort_unstable();
        assert_eq!(items, (0..8).collect::<Vec<_>>());
        assert!((0..1000).all(|number| Draw::new(1, number).below(3) < 3));
    }
}
