use crate::graph::{Graph, Value, int};
use crate::rules::cross_entropy::{CrossEntropy, Loss};
use crate::tape::Tape;
use crate::task;

/// The loss of a token classifier over the tags `O`, `B-1`, `I-1`, `B-2`, …: for each label a cross-entropy over `O` and
/// the label's own tags (two, or four in BIOES), where every other label's mention counts as `O`; their mean over tokens
/// and labels.
///
/// One softmax over all tags would be content once a mention of one label is told from everything else, and would never
/// learn that it is *not* a mention of another; here each label's mentions are examples of the other labels' outside.
/// For one label the two are the same. Decoding is too: `z_B - z_O` is what either softmax says of a label's own tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tagging {
    cross_entropy: CrossEntropy,
    shape: Shape,
}

/// How many labels there are, and how many tags each sees: `O` and its own.
#[derive(Clone, Copy, Debug)]
struct Shape {
    labels: i64,
    seen: i64,
}

impl Tagging {
    /// `logits` `[T, 1 + own·labels]` and `tags` `[S, B]`, negative where a token carries none.
    pub(crate) fn forward(tape: &mut Tape, logits: Value, tags: Value, settings: &task::Tagging) -> (Loss, Self) {
        let shape = Shape { labels: settings.labels as i64, seen: 1 + settings.own as i64 };
        if shape.labels == 1 {
            let (loss, cross_entropy) = CrossEntropy::forward(tape, logits, tags, shape.seen, settings.smoothing);
            return (loss, Self { cross_entropy, shape });
        }
        let graph = &mut tape.graph;
        let columns = graph.integers(&shape.columns());
        let own = graph.op("Gather", &[logits, columns], &[int("axis", 1)]);
        let own = graph.reshape(own, &[-1, shape.seen]);
        let own_tags = shape.own_tags(graph, tags);
        let (loss, cross_entropy) = CrossEntropy::forward(tape, own, own_tags, shape.seen, settings.smoothing);
        let share = tape.graph.number(1.0 / shape.labels as f32);
        let labelled = tape.graph.mul(loss.labelled, share);
        (Loss { labelled, ..loss }, Self { cross_entropy, shape })
    }

    /// `dlogits`: each label's gradients back in their columns, those of `O` added up.
    pub(crate) fn backward(self, tape: &mut Tape) -> Value {
        let own = self.cross_entropy.backward(tape);
        if self.shape.labels == 1 {
            return own;
        }
        let graph = &mut tape.graph;
        let (classes, columns) = (self.shape.classes(), self.shape.columns());
        let rows = columns.len() as i64;
        let own = graph.reshape(own, &[-1, rows]);
        let places =
            columns.iter().flat_map(|&column| (0..classes).map(move |class| f32::from(u8::from(class == column))));
        let places = graph.numbers(&places.collect::<Vec<f32>>());
        let places = graph.reshape(places, &[rows, classes]);
        graph.matmul(own, places)
    }
}

impl Shape {
    /// Number of tags.
    const fn classes(self) -> i64 {
        1 + self.labels * (self.seen - 1)
    }

    /// The columns of `O` and each label's own tags, one label after the other.
    fn columns(self) -> Vec<i64> {
        let own = self.seen - 1;
        (0..self.labels).flat_map(|label| std::iter::once(0).chain(1 + own * label..=own * (label + 1))).collect()
    }

    /// Every token's tag as each label sees it, `[T · labels]`.
    fn own_tags(self, graph: &mut Graph, tags: Value) -> Value {
        let Self { labels, seen } = self;
        let view = |tag: i64, label: i64| (tag - (seen - 1) * label).clamp(0, seen) % seen;
        let table: Vec<i64> =
            (0..self.classes()).flat_map(|tag| (0..labels).map(move |label| view(tag, label))).collect();
        let table = graph.integers(&table);
        let table = graph.reshape(table, &[self.classes(), labels]);
        let tags = graph.reshape(tags, &[-1]);
        let zero = graph.integer(0);
        let known = graph.op("Max", &[tags, zero], &[]);
        let viewed = graph.op("Gather", &[table, known], &[int("axis", 0)]);
        // What is negative stays so: the row of `O` plus the mark.
        let mark = graph.op("Min", &[tags, zero], &[]);
        let mark = graph.reshape(mark, &[-1, 1]);
        let viewed = graph.add(viewed, mark);
        graph.reshape(viewed, &[-1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::tape::Weight;

    fn settings(labels: usize, own: usize) -> task::Tagging {
        task::Tagging { labels, own, smoothing: 0.0 }
    }

    fn check(settings: task::Tagging) {
        let classes = 1 + settings.own * settings.labels;
        let emit = move |tape: &mut Tape, weights: &[Weight], _, _| {
            let tags = tape.graph.integers(&[classes as i64 - 1, -100, 0, 1, -1, 2]);
            let tags = tape.graph.reshape(tags, &[3, 2]);
            let (loss, layer) = Tagging::forward(tape, weights[0].value, tags, &settings);
            let logits = layer.backward(tape);
            give(tape, weights[0], logits);
            loss.mean
        };
        let tensors = vec![drawn("logits", &[6, classes], 0.0)];
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![], emit }.check();
    }

    #[test]
    fn gradients_for_one_label_and_several() {
        for labels in [1, 2, 3] {
            check(settings(labels, 2));
            check(settings(labels, 4));
        }
        check(task::Tagging { smoothing: 0.2, ..settings(2, 2) });
    }

    /// Two labels, tags `B-2`, none, `I-1`: the mean of four cross-entropies of three tags each.
    #[test]
    fn the_loss_by_hand() {
        let values = [0.5, -1.0, 0.25, 2.0, 0.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 0.0, 3.0, -2.0, 0.5];
        let emit = |tape: &mut Tape, weights: &[Weight], _, _| {
            let tags = tape.graph.integers(&[3, -100, 2]);
            let tags = tape.graph.reshape(tags, &[3, 1]);
            let (loss, layer) = Tagging::forward(tape, weights[0].value, tags, &settings(2, 2));
            let logits = layer.backward(tape);
            give(tape, weights[0], logits);
            let tokens = tape.graph.mul(loss.labelled, loss.mean);
            tape.graph.add(tokens, loss.labelled)
        };
        let mut logits = drawn("logits", &[3, 5], 0.0);
        logits.values = values.to_vec();
        let layer = Layer { input_ids: vec![vec![0]; 3], tensors: vec![logits], output: vec![], emit };
        let found = f64::from(layer.prepare(1).output()[0]);
        let entropy = |own: [f64; 3], tag: usize| own.iter().map(|z| z.exp()).sum::<f64>().ln() - own[tag];
        let all = entropy([0.5, -1.0, 0.25], 0)
            + entropy([0.5, 2.0, 0.0], 1)
            + entropy([1.0, 0.0, 3.0], 2)
            + entropy([1.0, -2.0, 0.5], 0);
        let wanted = 2.0 * all / 4.0 + 2.0;
        assert!((found - wanted).abs() < 1e-5, "{found}, not {wanted}");
    }

    /// Each label sees its own tags under their places, everything else as `O`, and no tag as none.
    #[test]
    fn tags_are_seen_by_label() {
        let check = |shape: Shape, columns: &[i64], tags: &[i64], expected: &[f32]| {
            assert_eq!(shape.columns(), columns);
            let given = tags.to_vec();
            let emit = move |tape: &mut Tape, weights: &[Weight], _, _| {
                let tags = tape.graph.integers(&given);
                let seen = shape.own_tags(&mut tape.graph, tags);
                let same = tape.graph.op("Identity", &[weights[0].value], &[]);
                give(tape, weights[0], same);
                tape.graph.op("Cast", &[seen], &[int("to", i64::from(crate::onnx::FLOAT))])
            };
            let tensors = vec![drawn("unused", &[1], 0.0)];
            let layer = Layer { input_ids: vec![vec![0]], tensors, output: vec![expected.len()], emit };
            assert_eq!(layer.prepare(1).output(), expected);
        };
        check(Shape { labels: 2, seen: 3 }, &[0, 1, 2, 0, 3, 4], &[4, 0, 1], &[0.0, 2.0, 0.0, 0.0, 1.0, 0.0]);
        let bioes = Shape { labels: 2, seen: 5 };
        check(bioes, &[0, 1, 2, 3, 4, 0, 5, 6, 7, 8], &[4, 5, 8], &[4.0, 0.0, 0.0, 1.0, 0.0, 4.0]);
    }
}
