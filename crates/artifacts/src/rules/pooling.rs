use crate::graph::{Value, int};
use crate::rules::embedding::{pad_rows, rows};
use crate::tape::Tape;

/// The rows of a sequence that stand for the whole: the first token's, or those of the places where two entities start,
/// side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    input: Value,
    /// Rows of the starts `[2B]`; none for the first token.
    starts: Option<Value>,
    hidden: i64,
}

impl Pool {
    /// `[T, H]` to `[B, H]`, or with `starts` `[B, 2]` (places within each sequence) to `[B, 2H]`.
    pub(crate) fn forward(
        tape: &mut Tape,
        input_ids: Value,
        starts: Option<Value>,
        input: Value,
        hidden: i64,
    ) -> (Value, Self) {
        let graph = &mut tape.graph;
        let sequences = graph.op("Shape", &[input_ids], &[int("start", 1), int("end", 2)]);
        let Some(starts) = starts else {
            return (rows(graph, input, 0, sequences), Self { input, starts, hidden });
        };
        let [zero, one] = [0, 1].map(|number| graph.integer(number));
        let count = graph.reshape(sequences, &[]);
        let columns = graph.op("Range", &[zero, count, one], &[]);
        let columns = graph.reshape(columns, &[-1, 1]);
        // Row s · B + b of the tokens is place s of sequence b.
        let places = graph.mul(starts, count);
        let places = graph.add(places, columns);
        let places = graph.reshape(places, &[-1]);
        let pooled = graph.op("Gather", &[input, places], &[int("axis", 0)]);
        (graph.reshape(pooled, &[-1, 2 * hidden]), Self { input, starts: Some(places), hidden })
    }

    /// The gradient on its rows, 0 elsewhere; both entities may start at one place.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let graph = &mut tape.graph;
        let Some(starts) = self.starts else { return pad_rows(graph, gradient, 0, self.input) };
        let tokens = graph.op("Shape", &[self.input], &[int("start", 0), int("end", 1)]);
        let off_on = graph.numbers(&[0.0, 1.0]);
        let indicator = graph.op("OneHot", &[starts, tokens, off_on], &[int("axis", 0)]);
        let gradient = graph.reshape(gradient, &[-1, self.hidden]);
        graph.matmul(indicator, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::tape::Weight;

    /// Three sequences of two tokens; with starts, one row is taken twice by one sequence.
    fn check(starts: Option<[i64; 6]>) {
        let emit = move |tape: &mut Tape, weights: &[Weight], input_ids, upstream| {
            let starts = starts.map(|starts| {
                let starts = tape.graph.integers(&starts);
                tape.graph.reshape(starts, &[3, 2])
            });
            let (y, layer) = Pool::forward(tape, input_ids, starts, weights[0].value, 4);
            let x = layer.backward(tape, upstream);
            give(tape, weights[0], x);
            y
        };
        let output = vec![3, if starts.is_some() { 8 } else { 4 }];
        let tensors = vec![drawn("x", &[6, 4], 0.0)];
        Layer { input_ids: vec![vec![1; 3]; 2], tensors, output, emit }.check();
    }

    #[test]
    fn gradients_of_first_tokens_and_starts() {
        check(None);
        check(Some([0, 1, 1, 1, 1, 0]));
    }

    #[test]
    fn starts_are_places_within_their_sequence() {
        let emit = |tape: &mut Tape, weights: &[Weight], input_ids, upstream| {
            let starts = tape.graph.integers(&[1, 0, 0, 1]);
            let starts = tape.graph.reshape(starts, &[2, 2]);
            let (y, layer) = Pool::forward(tape, input_ids, Some(starts), weights[0].value, 1);
            let x = layer.backward(tape, upstream);
            give(tape, weights[0], x);
            y
        };
        let mut x = drawn("x", &[4, 1], 0.0);
        x.values = vec![0.0, 10.0, 1.0, 11.0];
        let layer = Layer { input_ids: vec![vec![1; 2]; 2], tensors: vec![x], output: vec![2, 2], emit };
        assert_eq!(layer.prepare(1).output(), [1.0, 0.0, 10.0, 11.0]);
    }
}
