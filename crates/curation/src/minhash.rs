//! Near copies by `MinHash` (Broder 1997) with banded buckets; each candidate is verified on the full sets.

use std::collections::HashMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Characters of a shingle. Five is long enough to tell sentences of one topic apart (measured on the recordings: of
/// 5.4 million pairs 60 reach a similarity of 0.3) and short enough that one exchanged word leaves a pair above 0.7.
const SHINGLE: usize = 5;

/// Buckets that a text is filed under. 24 bands of 4 find a pair of similarity s with probability 1 - (1 - s^4)^24.
const BANDS: usize = 24;
/// Minima that make up one bucket's key.
const ROWS: usize = 4;

/// The distinct shingles of a text in normal form, as sorted hashes.
pub(crate) fn shingles(normal: &str) -> Vec<u64> {
    let mut starts: Vec<usize> = normal.char_indices().map(|(byte, _)| byte).collect();
    starts.push(normal.len());
    let mut hashes: Vec<u64> = if starts.len() <= SHINGLE {
        vec![xxh3_64(normal.as_bytes())]
    } else {
        starts.windows(SHINGLE + 1).map(|at| xxh3_64(&normal.as_bytes()[at[0]..at[SHINGLE]])).collect()
    };
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Shared shingles among all shingles of two sorted sets.
pub(crate) fn jaccard(one: &[u64], other: &[u64]) -> f64 {
    let (mut a, mut b, mut shared) = (0, 0, 0usize);
    while a < one.len() && b < other.len() {
        let (left, right) = (one[a], other[b]);
        shared += usize::from(left == right);
        a += usize::from(left <= right);
        b += usize::from(right <= left);
    }
    shared as f64 / (one.len() + other.len() - shared) as f64
}

/// Texts filed under their buckets, numbered in the order of filing.
#[derive(Debug)]
pub(crate) struct NearIndex {
    threshold: f64,
    /// The last member filed under each bucket; the others follow through `Member::before`. A list for each of the
    /// buckets, most of which hold one member, would cost a third of the time in the allocator.
    last: HashMap<u64, u32>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    shingles: Vec<u64>,
    /// For each band the member filed under the same bucket before this one.
    before: [Option<u32>; BANDS],
}

impl NearIndex {
    pub(crate) fn new(threshold: f64) -> Self {
        Self { threshold, last: HashMap::new(), members: Vec::new() }
    }

    /// The first member at or above the threshold, with its similarity; files the text when there is none.
    pub(crate) fn find_or_file(&mut self, shingles: Vec<u64>) -> Option<(usize, f64)> {
        let keys = bucket_keys(&shingles);
        let found = self.find(&shingles, &keys);
        if found.is_none() {
            let number = self.members.len() as u32;
            let before = keys.map(|key| self.last.insert(key, number));
            self.members.push(Member { shingles, before });
        }
        found
    }

    /// The first member at or above the threshold, with its similarity.
    pub(crate) fn find_near(&self, shingles: &[u64]) -> Option<(usize, f64)> {
        self.find(shingles, &bucket_keys(shingles))
    }

    fn find(&self, shingles: &[u64], keys: &[u64; BANDS]) -> Option<(usize, f64)> {
        let mut candidates: Vec<u32> = Vec::new();
        for (band, key) in keys.iter().enumerate() {
            let last = self.last.get(key).copied();
            candidates.extend(std::iter::successors(last, |&member| self.members[member as usize].before[band]));
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.into_iter().find_map(|candidate| {
            let similarity = jaccard(shingles, &self.members[candidate as usize].shingles);
            (similarity >= self.threshold).then_some((candidate as usize, similarity))
        })
    }
}

fn bucket_keys(shingles: &[u64]) -> [u64; BANDS] {
    let signature = signature(shingles);
    std::array::from_fn(|band| {
        let mut bytes = [0; 8 * ROWS];
        for (slot, row) in bytes.chunks_exact_mut(8).zip(&signature[band * ROWS..]) {
            slot.copy_from_slice(&row.to_le_bytes());
        }
        xxh3_64_with_seed(&bytes, band as u64)
    })
}

/// The least image of the set under each of the permutations `x -> x * odd` of 64-bit integers.
fn signature(shingles: &[u64]) -> [u64; BANDS * ROWS] {
    FACTORS.map(|factor| shingles.iter().map(|shingle| shingle.wrapping_mul(factor)).min().unwrap_or(u64::MAX))
}

/// Odd factors without structure: outputs of splitmix64 (Steele, Lea and Flood 2014).
const FACTORS: [u64; BANDS * ROWS] = {
    let mut factors = [0; BANDS * ROWS];
    let mut row = 0;
    while row < factors.len() {
        let mut z = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        factors[row] = (z ^ (z >> 31)) | 1;
        row += 1;
    }
    factors
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarities_are_exact() {
        let check = |one: &str, other: &str, expected: f64| {
            let found = jaccard(&shingles(one), &shingles(other));
            assert!((found - expected).abs() < 1e-12, "{one} {other} {found}");
        };
        check("abcdef", "abcdef", 1.0);
        check("abcdef", "abcdeg", 1.0 / 3.0);
        check("abc", "abd", 0.0);
        check("", "", 1.0);
        check("éàüñöé", "éàüñöx", 1.0 / 3.0);
    }

    #[test]
    fn equal_minima_estimate_the_similarity() {
        let (mut equal, mut rows, mut expected) = (0, 0, 0.0);
        for round in 0..50u64 {
            let set = |from: u64| -> Vec<u64> {
                let mut set: Vec<u64> =
                    (from..from + 100).map(|x| xxh3_64_with_seed(&x.to_le_bytes(), round)).collect();
                set.sort_unstable();
                set
            };
            let (one, other) = (set(0), set(40));
            expected += jaccard(&one, &other) / 50.0;
            equal += signature(&one).iter().zip(signature(&other)).filter(|(a, b)| **a == *b).count();
            rows += BANDS * ROWS;
        }
        let estimate = f64::from(equal as u32) / f64::from(rows as u32);
        assert!((estimate - expected).abs() < 0.02, "{estimate} {expected}");
    }
}
