use crate::graph::{Graph, Value, int};
use crate::tape::{Gradient, Tape, Weight};

/// The sum of word, position and token type embeddings; positions count from a first row, the token type is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Embedding {
    tables: Tables,
    input_ids: Value,
    hidden: i64,
}

/// The tables of an [`Embedding`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    /// `[vocabulary, H]`.
    pub(crate) words: Weight,
    /// `[positions, H]`.
    pub(crate) positions: Weight,
    /// `[types, H]`, of which the first row is used, where there are any.
    pub(crate) types: Option<Weight>,
    /// The row of the first token's position.
    pub(crate) first_position: i64,
}

impl Embedding {
    /// `input_ids` `[S, B]` to `[T, H]`.
    pub(crate) fn forward(tape: &mut Tape, tables: Tables, input_ids: Value, hidden: i64) -> (Value, Self) {
        let graph = &mut tape.graph;
        let words = graph.op("Gather", &[tables.words.value, input_ids], &[int("axis", 0)]);
        let length = graph.op("Shape", &[input_ids], &[int("start", 0), int("end", 1)]);
        let positions = rows(graph, tables.positions.value, tables.first_position, length);
        let one = graph.integers(&[1]);
        let places = match tables.types {
            Some(types) => {
                let types = rows(graph, types.value, 0, one);
                graph.add(positions, types)
            }
            None => positions,
        };
        let places = graph.op("Unsqueeze", &[places, one], &[]);
        let sum = graph.add(words, places);
        (graph.reshape(sum, &[-1, hidden]), Self { tables, input_ids, hidden })
    }

    /// From the gradient `[T, H]`; there is no input to pass it on to.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) {
        let words = self.word_rows(&mut tape.graph, gradient);
        tape.give(self.tables.words, words);

        let unfolded = tape.unfold(gradient, &[self.hidden]);
        let graph = &mut tape.graph;
        let batch = graph.integers(&[1]);
        let places = graph.op("ReduceSum", &[unfolded, batch], &[int("keepdims", 0)]);
        let positions = pad_rows(graph, places, self.tables.first_position, self.tables.positions.value);
        if let Some(types) = self.tables.types {
            let sequence = graph.integers(&[0]);
            let total = graph.op("ReduceSum", &[places, sequence], &[int("keepdims", 1)]);
            let rows = pad_rows(graph, total, 0, types.value);
            tape.give(types, Gradient::Dense(rows));
        }
        tape.give(self.tables.positions, Gradient::Dense(positions));
    }

    /// The gradient's rows summed by word.
    ///
    /// `ScatterND` with `reduction="add"` must not do this: its CPU kernel lets threads add to one row at the same time
    /// and loses terms. A product with the indicator matrix `[U, T]` of the `U` words that occur is exact and
    /// repeatable, and takes about 1 % of a step.
    fn word_rows(self, graph: &mut Graph, gradient: Value) -> Gradient {
        let flat = graph.reshape(self.input_ids, &[-1]);
        let [words, _, slots, _] = graph.op_many("Unique", &[flat], &[int("axis", 0), int("sorted", 1)]);
        let count = graph.op("Shape", &[words], &[]);
        let off_on = graph.numbers(&[0.0, 1.0]);
        let indicator = graph.op("OneHot", &[slots, count, off_on], &[int("axis", 0)]);
        let rows = graph.matmul(indicator, gradient);
        Gradient::Rows { indices: graph.reshape(words, &[-1, 1]), rows }
    }
}

/// `count` (a vector of one) rows of a table from row `first` on.
pub(crate) fn rows(graph: &mut Graph, table: Value, first: i64, count: Value) -> Value {
    let [zero, start] = [0, first].map(|row| graph.integers(&[row]));
    let end = if first == 0 { count } else { graph.add(count, start) };
    graph.op("Slice", &[table, start, end, zero], &[])
}

/// Zero rows around, `above` of them above and below up to the height of `table`.
pub(crate) fn pad_rows(graph: &mut Graph, rows: Value, above: i64, table: Value) -> Value {
    let target = graph.op("Shape", &[table], &[]);
    let present = graph.op("Shape", &[rows], &[]);
    let mut missing = graph.sub(target, present);
    let before = graph.integers(&[above, 0]);
    if above > 0 {
        missing = graph.sub(missing, before);
    }
    let pads = graph.op("Concat", &[before, missing], &[int("axis", 0)]);
    graph.op("Pad", &[rows, pads], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn};

    fn at(hidden: i64, first_position: i64) -> impl FnOnce(&mut Tape, &[Weight], Value, Value) -> Value {
        move |tape, weights, input_ids, upstream| {
            let types = weights.get(2).copied();
            let tables = Tables { words: weights[0], positions: weights[1], types, first_position };
            let (y, layer) = Embedding::forward(tape, tables, input_ids, hidden);
            layer.backward(tape, upstream);
            y
        }
    }

    /// A word three times, one twice, some never; fewer positions used than there are, and one token type of two.
    #[test]
    fn gradients_of_repeated_words() {
        let tensors =
            vec![drawn("words", &[5, 3], 0.0), drawn("positions", &[4, 3], 0.0), drawn("types", &[2, 3], 0.0)];
        Layer { input_ids: vec![vec![3, 1], vec![1, 3], vec![4, 3]], tensors, output: vec![6, 3], emit: at(3, 0) }
            .check();
    }

    /// Positions from the third row on, with and without token types.
    #[test]
    fn gradients_of_later_positions() {
        let all = [drawn("words", &[5, 3], 0.0), drawn("positions", &[6, 3], 0.0), drawn("types", &[1, 3], 0.0)];
        for tables in [3, 2] {
            let (input_ids, tensors) = (vec![vec![3, 1], vec![1, 3], vec![4, 3]], all[..tables].to_vec());
            Layer { input_ids, tensors, output: vec![6, 3], emit: at(3, 2) }.check();
        }
    }

    /// Threads that add to one row at the same time lose terms, but rarely: so many runs.
    #[test]
    fn threads_do_not_race_for_frequent_words() {
        let (words, tokens, hidden) = (3, 2048, 384);
        let tensors = vec![
            drawn("words", &[words, hidden], 0.0),
            drawn("positions", &[128, hidden], 0.0),
            drawn("types", &[2, hidden], 0.0),
        ];
        let ids: Vec<i64> = (0..tokens).map(|token| (token * token / 7 % 3) as i64).collect();
        let input_ids: Vec<Vec<i64>> = ids.chunks(16).map(<[i64]>::to_vec).collect();
        let layer = Layer { input_ids, tensors, output: vec![tokens, hidden], emit: at(hidden as i64, 0) };
        let mut prepared = layer.prepare(2);
        let first = prepared.gradients();
        let mut exact = vec![0.0_f64; words * hidden];
        for (place, &value) in prepared.upstream.values.iter().enumerate() {
            exact[ids[place / hidden] as usize * hidden + place % hidden] += f64::from(value);
        }
        let worst =
            first[0].iter().zip(&exact).map(|(&rule, exact)| (f64::from(rule) - exact).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "{worst}");
        for run in 1..200 {
            assert!(prepared.gradients() == first, "run {run} differs");
        }
    }
}
