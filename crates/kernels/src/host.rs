//! The optimizer's arithmetic for gradients that do not stay in the training graph: sums over several batches, their
//! norm, and the same AdamW step.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::adamw::dense_step;
use crate::vector::vectorised;

/// Elements that a thread takes at a time.
const CHUNK: usize = 64 * 1024;

/// The scalars of an AdamW step for one parameter, in the notation of `clinsynth_contract::AdamWScalars`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Factor of the gradient, at most 1: the clipping by the global norm.
    pub clip: f32,
    /// Factor of the normalised moment.
    pub update: f32,
    /// Term of the denominator.
    pub epsilon: f32,
    /// Factor of the parameter itself; 1 where it does not decay.
    pub decay: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
}

/// A parameter, its moments in the graph's scale, and its gradient, all of one length.
#[derive(Debug)]
pub struct Updated<'p> {
    /// The parameter.
    pub value: &'p mut [f32],
    /// `M`.
    pub first: &'p mut [f32],
    /// `V`.
    pub second: &'p mut [f32],
    /// The gradient before clipping.
    pub gradient: &'p [f32],
    /// Its scalars.
    pub step: AdamWStep,
}

/// Takes one AdamW step on every parameter. Elements are independent, so the result does not depend on `threads`.
pub fn adamw(parameters: Vec<Updated<'_>>, threads: usize) {
    let chunks = parameters.into_iter().flat_map(|Updated { value, first, second, gradient, step }| {
        let state = value.chunks_mut(CHUNK).zip(first.chunks_mut(CHUNK)).zip(second.chunks_mut(CHUNK));
        state.zip(gradient.chunks(CHUNK)).map(move |(((p, m), v), g)| (p, m, v, g, step))
    });
    share(chunks.collect(), threads, |(p, m, v, g, step)| dense_step(g, step, p, m, v));
}

/// `sum ← sum + weight · term` for every pair, each of one length.
pub fn add_scaled(pairs: Vec<(&mut [f32], &[f32])>, weight: f32, threads: usize) {
    let chunks = pairs.into_iter().flat_map(|(sum, term)| sum.chunks_mut(CHUNK).zip(term.chunks(CHUNK)));
    share(chunks.collect(), threads, |(sum, term)| add_chunk(sum, term, weight));
}

/// The Euclidean norm over all tensors together. Chunks of fixed size are summed up in their order: the result does not
/// depend on `threads`.
pub fn norm(tensors: &[&[f32]], threads: usize) -> f64 {
    let chunks: Vec<&[f32]> = tensors.iter().flat_map(|tensor| tensor.chunks(CHUNK)).collect();
    let mut sums = vec![0.0; chunks.len()];
    share(chunks.into_iter().zip(&mut sums).collect(), threads, |(chunk, sum)| square_sum(chunk, sum));
    sums.iter().sum::<f64>().sqrt()
}

/// Runs every task once, on so many threads.
fn share<T: Send>(tasks: Vec<T>, threads: usize, run: impl Fn(T) + Sync) {
    let queue = Mutex::new(tasks.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(task) = next() {
            run(task);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

vectorised! {
    fn add_chunk = add_body(sum: &mut [f32], term: &[f32], weight: f32)
}

#[inline(always)]
fn add_body(sum: &mut [f32], term: &[f32], weight: f32) {
    for (sum, &term) in sum.iter_mut().zip(term) {
        *sum = term.mul_add(weight, *sum);
    }
}

vectorised! {
    fn square_sum = square_body(values: &[f32], sum: &mut f64)
}

#[inline(always)]
fn square_body(values: &[f32], sum: &mut f64) {
    const LANES: usize = 8;
    let mut lanes = [0.0_f64; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    *sum = lanes.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::needless_range_loop)]
mod tests {
    use super::*;

    fn values(length: usize, factor: f32) -> Vec<f32> {
        (0..length).map(|index| (index % 83) as f32 * factor - 1.0).collect()
    }

    #[test]
    fn threads_change_nothing() {
        let step = AdamWStep { clip: 0.5, update: 0.1, epsilon: 1e-3, decay: 0.99, beta1: 0.9, beta2: 0.999 };
        let run = |threads| {
            let lengths = [3 * CHUNK + 5, 7];
            let gradients = lengths.map(|length| values(length, 0.3));
            let mut states = lengths.map(|length| {
                [0.1, 0.2, 0.3].map(|factor| values(length, factor).iter().map(|v| v.abs()).collect::<Vec<f32>>())
            });
            let mut updated = Vec::new();
            for ([value, first, second], gradient) in states.iter_mut().zip(&gradients) {
                updated.push(Updated { value, first, second, gradient, step });
            }
            adamw(updated, threads);
            let slices: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
            let found = norm(&slices, threads);
            (states, found)
        };
        let (states, found) = run(1);
        assert_eq!(run(3), (states, found));
        let exact: f64 =
            [3 * CHUNK + 5, 7].iter().flat_map(|&length| values(length, 0.3)).map(|v| f64::from(v).powi(2)).sum();
        assert!((found - exact.sqrt()).abs() < 1e-9 * found, "{found}");
    }

    #[test]
    fn sums_are_weighted() {
        let (mut first, mut second) = (vec![1.0, 2.0], vec![3.0]);
        add_scaled(vec![(&mut first, &[10.0, 20.0]), (&mut second, &[-4.0])], 0.5, 2);
        assert_eq!((first, second), (vec![6.0, 12.0], vec![1.0]));
    }
}
