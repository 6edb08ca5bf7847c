//! Tests of a difference between two systems on the same documents, and what to say when there are several.

use crate::board::CountTable;
use crate::random::Draws;

/// Two-sided p-value of the paired bootstrap: how often resampled differences, moved so that their centre is 0, are as
/// far from it as the observed one (Efron and Tibshirani 1993, chapter 16; both counts with one added, so that p is
/// never 0).
pub(crate) fn bootstrap_p(differences: &[f64], observed: f64) -> f64 {
    let far = differences.iter().filter(|&&difference| reaches((difference - observed).abs(), observed)).count();
    (far + 1) as f64 / (differences.len() + 1) as f64
}

/// Two-sided p-value of approximate randomisation (Noreen 1989; Yeh 2000): how often a difference is as large when each
/// document's outputs are swapped between the systems by chance. With few documents that differ, all swaps are tried, and
/// the value is exact.
///
/// `one` and `other` are counts of the same documents, of equal width. `difference` compares sums of both.
pub(crate) fn randomisation_p(
    one: &CountTable,
    other: &CountTable,
    samples: u32,
    seed: u64,
    difference: impl Fn(&[u64], &[u64]) -> f64,
) -> f64 {
    let both: Vec<u64> = one.total().iter().zip(other.total()).map(|(one, other)| one + other).collect();
    let differing: Vec<usize> =
        (0..one.documents()).filter(|&document| one.row(document) != other.row(document)).collect();
    // What documents that do not differ contribute is the same under every swap.
    let mut fixed = one.total();
    for &document in &differing {
        fixed.iter_mut().zip(one.row(document)).for_each(|(sum, &count)| *sum -= u64::from(count));
    }
    let swapped = |is_swapped: &dyn Fn(usize) -> bool| {
        let mut first = fixed.clone();
        for (place, &document) in differing.iter().enumerate() {
            let row = if is_swapped(place) { other.row(document) } else { one.row(document) };
            first.iter_mut().zip(row).for_each(|(sum, &count)| *sum += u64::from(count));
        }
        let second: Vec<u64> = both.iter().zip(&first).map(|(both, first)| both - first).collect();
        difference(&first, &second)
    };
    let observed = swapped(&|_| false);
    let is_far = |swaps: &dyn Fn(usize) -> bool| reaches(swapped(swaps), observed);
    if differing.len() < 32 && 1u64 << differing.len() <= u64::from(samples) {
        let all = 1u64 << differing.len();
        let far = (0..all).filter(|mask| is_far(&|place| mask >> place & 1 == 1)).count();
        return far as f64 / all as f64;
    }
    let (draws, words) = (Draws::new(seed), differing.len().div_ceil(64) as u64);
    let far = (0..u64::from(samples))
        .filter(|sample| {
            let bits: Vec<u64> = (0..words).map(|word| draws.bits(sample * words + word)).collect();
            is_far(&|place| bits[place / 64] >> (place % 64) & 1 == 1)
        })
        .count();
    (far + 1) as f64 / (u64::from(samples) + 1) as f64
}

/// Whether a difference is as large as the observed one, up to rounding.
fn reaches(difference: f64, observed: f64) -> bool {
    difference.abs() >= observed.abs() - 1e-12
}

/// P-values corrected for their number by Holm's step-down method (Holm 1979), in the given order.
pub(crate) fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut adjusted = vec![0.0; values.len()];
    let mut least = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max((values[index] * (values.len() - rank) as f64).min(1.0));
        adjusted[index] = least;
    }
    adjusted
}

/// Letters for each of `number` systems, so that two share one exactly when they do not differ (insert and absorb, Piepho
/// 2004). The system of index 0 has the first letter.
pub(crate) fn letters(number: usize, differ: impl Fn(usize, usize) -> bool) -> Vec<String> {
    let mut groups: Vec<Vec<bool>> = vec![vec![true; number]];
    for first in 0..number {
        for second in first + 1..number {
            if differ(first, second) {
                groups = absorb(split(groups, first, second));
            }
        }
    }
    groups.sort_by_key(|group| group.iter().map(|&member| !member).collect::<Vec<_>>());
    let letters_of = |system: usize| {
        let of = groups.iter().enumerate().filter(|(_, group)| group[system]);
        of.map(|(place, _)| letter(place)).collect()
    };
    (0..number).map(letters_of).collect()
}

/// Each group of both systems becomes two, each without one of them.
fn split(groups: Vec<Vec<bool>>, first: usize, second: usize) -> Vec<Vec<bool>> {
    let halves = groups.into_iter().flat_map(|group| {
        if !(group[first] && group[second]) {
            return vec![group];
        }
        [first, second]
            .map(|left_out| {
                let mut half = group.clone();
                half[left_out] = false;
                half
            })
            .to_vec()
    });
    halves.collect()
}

/// Drops groups that lie within another.
fn absorb(groups: Vec<Vec<bool>>) -> Vec<Vec<bool>> {
    let within = |one: &[bool], other: &[bool]| one.iter().zip(other).all(|(&one, &other)| !one || other);
    let mut kept: Vec<Vec<bool>> = Vec::new();
    for group in groups {
        if !kept.iter().any(|other| within(&group, other)) {
            kept.retain(|other| !within(other, &group));
            kept.push(group);
        }
    }
    kept
}

/// `a` to `z`, then `aa`, `ab` and so on.
fn letter(place: usize) -> String {
    let last = char::from(b'a' + (place % 26) as u8);
    if place < 26 { last.to_string() } else { format!("{}{last}", letter(place / 26 - 1)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holm_steps_down() {
        let check = |values: &[f64], expected: &[f64]| {
            let found = holm(values);
            let close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12);
            assert!(close && found.len() == expected.len(), "{values:?}: {found:?}");
        };
        // R: p.adjust(c(0.01, 0.04, 0.03), "holm")
        check(&[0.01, 0.04, 0.03], &[0.03, 0.06, 0.06]);
        check(&[0.5, 0.9, 0.4], &[1.0, 1.0, 1.0]);
        check(&[0.02, 0.02], &[0.04, 0.04]);
        check(&[], &[]);
    }

    #[test]
    fn letters_by_hand() {
        let check = |number: usize, differing: &[(usize, usize)], expected: &[&str]| {
            assert_eq!(letters(number, |one, other| differing.contains(&(one, other))), expected, "{differing:?}");
        };
        check(1, &[], &["a"]);
        check(3, &[], &["a", "a", "a"]);
        check(3, &[(0, 2)], &["a", "ab", "b"]);
        check(3, &[(0, 1), (0, 2), (1, 2)], &["a", "b", "c"]);
        check(4, &[(0, 2), (0, 3), (1, 3)], &["a", "ab", "bc", "c"]);
        // Piepho 2004, section 2: the best differs from all, the middle ones overlap.
        check(4, &[(0, 1), (0, 2), (0, 3), (1, 3)], &["a", "b", "bc", "c"]);
        assert_eq!((letter(25), letter(26), letter(53)), ("z".into(), "aa".into(), "bb".into()));
    }

    proptest! {
        #[test]
        fn systems_share_a_letter_exactly_when_they_do_not_differ(
            (number, drawn) in (1usize..7).prop_flat_map(|number| (Just(number), prop::collection::vec(any::<bool>(), 36)))
        ) {
            let differ = |one: usize, other: usize| drawn[one * 6 + other - 1];
            let letters = letters(number, differ);
            for one in 0..number {
                prop_assert!(!letters[one].is_empty());
                for other in one + 1..number {
                    let shared = letters[one].chars().any(|letter| letters[other].contains(letter));
                    prop_assert_eq!(shared, !differ(one, other));
                }
            }
        }
    }
}
