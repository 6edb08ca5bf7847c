use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The steps (by index) each after all that it needs, and otherwise in their own order.
///
/// Errors: the steps of a cycle, each needing the next and the last the first.
pub(crate) fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (step, needed) in needs.iter().enumerate() {
        for &other in needed {
            needed_by[other].push(step);
        }
    }
    let mut ready: BinaryHeap<_> = (0..needs.len()).filter(|&step| open[step] == 0).map(Reverse).collect();
    let mut ordered = Vec::with_capacity(needs.len());
    while let Some(Reverse(step)) = ready.pop() {
        ordered.push(step);
        for &next in &needed_by[step] {
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    match open.iter().position(|&count| count > 0) {
        Some(stuck) => Err(cycle_from(stuck, needs, &open)),
        None => Ok(ordered),
    }
}

/// Follows unplaced needs until a step comes up twice.
fn cycle_from(start: usize, needs: &[Vec<usize>], open: &[usize]) -> Vec<usize> {
    let mut walked = vec![start];
    loop {
        let last = walked[walked.len() - 1];
        let Some(&next) = needs[last].iter().find(|&&other| open[other] > 0) else { return walked };
        if let Some(seen) = walked.iter().position(|&step| step == next) {
            let mut cycle = walked.split_off(seen);
            let lowest = cycle.iter().enumerate().min_by_key(|(_, step)| **step).map_or(0, |(index, _)| index);
            cycle.rotate_left(lowest);
            return cycle;
        }
        walked.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needs: &[&[usize]], expected: Result<&[usize], &[usize]>) {
        let needs: Vec<_> = needs.iter().map(|needed| needed.to_vec()).collect();
        assert_eq!(order(&needs), expected.map(<[_]>::to_vec).map_err(<[_]>::to_vec), "{needs:?}");
    }

    #[test]
    fn needs_come_first_and_cycles_are_named() {
        check(&[], Ok(&[]));
        check(&[&[2], &[], &[1]], Ok(&[1, 2, 0]));
        check(&[&[], &[], &[0], &[]], Ok(&[0, 1, 2, 3]));
        check(&[&[0]], Err(&[0]));
        check(&[&[], &[3], &[1], &[2], &[3]], Err(&[1, 3, 2]));
    }

    proptest::proptest! {
        #[test]
        fn every_acyclic_graph_is_ordered(edges in proptest::collection::vec((0_usize..30, 0_usize..30), 0..90)) {
            // A need always has the lower rank, where the rank is a fixed shuffle of the index: no cycle can arise.
            let rank = |step: usize| (step * 7 + 3) % 30;
            let mut needs = vec![Vec::new(); 30];
            for (left, right) in edges.into_iter().filter(|(left, right)| left != right) {
                let (step, needed) = if rank(left) > rank(right) { (left, right) } else { (right, left) };
                if !needs[step].contains(&needed) {
                    needs[step].push(needed);
                }
            }
            let ordered = order(&needs).map_err(|cycle| proptest::test_runner::TestCaseError::fail(format!("{cycle:?}")))?;
            let position = |step: usize| ordered.iter().position(|&other| other == step);
            proptest::prop_assert_eq!(ordered.len(), 30);
            for (step, needed) in needs.iter().enumerate() {
                proptest::prop_assert!(needed.iter().all(|&other| position(other) < position(step)));
            }
        }
    }
}
