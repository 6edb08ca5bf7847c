use std::ops::Range;

/// A window over the words of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Its words.
    pub(crate) words: Range<usize>,
    /// Those of its words that it decides on, counted within the text.
    pub(crate) owned: Range<usize>,
}

/// Cuts words of these lengths in sub-tokens (each from 1 to `budget`) into windows of at most `budget` sub-tokens.
/// Neighbours share `overlap` words, or fewer where longer words leave no room. A shared word belongs to the window in
/// which it stands further from the cut, so that the owned words of all windows are all words, each once, in order.
pub(crate) fn cut(lengths: &[usize], budget: usize, overlap: usize) -> Vec<Window> {
    let mut spans = Vec::new();
    let mut first = 0;
    loop {
        let last = reach(lengths, first, budget);
        spans.push(first..last);
        if last == lengths.len() {
            break;
        }
        first = next_start(lengths, first..last, budget, overlap);
    }
    let mut owned_from = 0;
    (0..spans.len())
        .map(|index| {
            let owned_to = spans.get(index + 1).map_or(lengths.len(), |next| middle(next.start, spans[index].end));
            let owned = owned_from..owned_to;
            owned_from = owned_to;
            Window { words: spans[index].clone(), owned }
        })
        .collect()
}

/// One past the last word that fits into a window starting at `first`.
fn reach(lengths: &[usize], first: usize, budget: usize) -> usize {
    let mut used = 0;
    let fits = lengths[first..].iter().take_while(|&&length| {
        used += length;
        used <= budget
    });
    first + fits.count()
}

/// Where the window after `window` starts: as far back as the overlap asks, but not so far that the first word beyond
/// `window` finds no room, for then the next window would bring nothing new. It is after `window`'s own start, for all
/// of `window` left that word no room.
fn next_start(lengths: &[usize], window: Range<usize>, budget: usize, overlap: usize) -> usize {
    let mut used = lengths[window.end];
    let mut start = window.end;
    while window.end - start < overlap && used + lengths[start - 1] <= budget {
        start -= 1;
        used += lengths[start];
    }
    start
}

/// The middle of `from..to`, to the right when there is no middle.
const fn middle(from: usize, to: usize) -> usize {
    from + (to - from).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(lengths: &[usize], budget: usize, overlap: usize, expected: &[(Range<usize>, Range<usize>)]) {
        let found: Vec<_> =
            cut(lengths, budget, overlap).into_iter().map(|window| (window.words, window.owned)).collect();
        assert_eq!(found, expected, "{lengths:?} into {budget} with overlap {overlap}");
    }

    #[test]
    fn cuts_at_words_and_shares_the_overlap() {
        check(&[], 4, 1, &[(0..0, 0..0)]);
        check(&[1, 3], 4, 1, &[(0..2, 0..2)]);
        check(&[1; 10], 6, 2, &[(0..6, 0..5), (4..10, 5..10)]);
        check(&[1; 10], 5, 2, &[(0..5, 0..4), (3..8, 4..7), (6..10, 7..10)]);
        check(&[4, 4, 4], 4, 1, &[(0..1, 0..1), (1..2, 1..2), (2..3, 2..3)]);
        check(&[1, 1, 1, 1, 4, 1], 4, 2, &[(0..4, 0..4), (4..5, 4..5), (5..6, 5..6)]);
    }

    proptest! {
        #[test]
        fn owned_words_are_all_words_once(lengths in prop::collection::vec(1usize..9, 0..60), budget in 8usize..20, overlap in 0usize..5) {
            let windows = cut(&lengths, budget, overlap);
            let owned: Vec<usize> = windows.iter().flat_map(|window| window.owned.clone()).collect();
            prop_assert_eq!(owned, (0..lengths.len()).collect::<Vec<_>>());
            for window in &windows {
                prop_assert!(lengths[window.words.clone()].iter().sum::<usize>() <= budget);
                prop_assert!(window.owned.is_empty() || (window.words.start <= window.owned.start && window.owned.end <= window.words.end));
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[0].words.start < pair[1].words.start && pair[0].words.end < pair[1].words.end);
                prop_assert!(pair[0].words.end.saturating_sub(pair[1].words.start) <= overlap);
            }
        }
    }
}
