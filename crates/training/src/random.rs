/// The finaliser of splitmix64: a bijection whose outputs pass for independent even on neighbouring inputs.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014; constants of Stafford's mix 13.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A key for a counter of several parts, such as (seed, step, site): each place counts.
pub(crate) fn key(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |key, &part| mix(key ^ mix(part)))
}

/// Shuffles in an order that depends on the key alone (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], key: u64) {
    for last in (1..items.len()).rev() {
        // The bias of the remainder is below 2⁻⁴⁰ for any data set that fits in memory.
        let other = mix(key ^ mix(last as u64)) % (last as u64 + 1);
        items.swap(last, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_keys_count() {
        assert_ne!(key(&[1, 2]), key(&[2, 1]));
        assert_ne!(key(&[0]), key(&[0, 0]));
        let shuffled = |key| {
            let mut items: Vec<u32> = (0..50).collect();
            shuffle(&mut items, key);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
    }
}
