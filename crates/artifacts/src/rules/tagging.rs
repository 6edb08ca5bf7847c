use crate::graph::{Graph, Value, int};
use crate::rules::cross_entropy::{CrossEntropy, Loss};
use crate::tape::Tape;

/// The loss of a token classifier over the tags `O`, `B-1`, `I-1`, `B-2`, …: for each label a cross-entropy over `O` and
/// the label's own two tags, where every other label's mention counts as `O`; their mean over tokens and labels.
///
/// One softmax over all tags would be content once a mention of one label is told from everything else, and would never
/// learn that it is *not* a mention of another; here each label's mentions are examples of the other labels' outside.
/// For one label the two are the same. Decoding is too: `z_B - z_O` is what either softmax says of a label's own tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tagging {
    cross_entropy: CrossEntropy,
    labels: i64,
}

/// `O`, `B` and `I`.
const OWN_TAGS: i64 = 3;

impl Tagging {
    /// `logits` `[T, 1 + 2·labels]` and `tags` `[S, B]`, negative where a token carries none.
    pub(crate) fn forward(tape: &mut Tape, logits: Value, tags: Value, labels: i64) -> (Loss, Self) {
        if labels == 1 {
            let (loss, cross_entropy) = CrossEntropy::forward(tape, logits, tags, OWN_TAGS);
            return (loss, Self { cross_entropy, labels });
        }
        let graph = &mut tape.graph;
        let columns = columns(labels);
        let columns = graph.integers(&columns);
        let own = graph.op("Gather", &[logits, columns], &[int("axis", 1)]);
        let own = graph.reshape(own, &[-1, OWN_TAGS]);
        let own_tags = own_tags(graph, tags, labels);
        let (loss, cross_entropy) = CrossEntropy::forward(tape, own, own_tags, OWN_TAGS);
        let share = tape.graph.number(1.0 / labels as f32);
        let labelled = tape.graph.mul(loss.labelled, share);
        (Loss { labelled, ..loss }, Self { cross_entropy, labels })
    }

    /// `dlogits`: each label's gradients back in their columns, those of `O` added up.
    pub(crate) fn backward(self, tape: &mut Tape) -> Value {
        let own = self.cross_entropy.backward(tape);
        if self.labels == 1 {
            return own;
        }
        let graph = &mut tape.graph;
        let own = graph.reshape(own, &[-1, OWN_TAGS * self.labels]);
        let classes = 1 + 2 * self.labels;
        let columns = columns(self.labels);
        let places =
            columns.iter().flat_map(|&column| (0..classes).map(move |class| f32::from(u8::from(class == column))));
        let places = graph.numbers(&places.collect::<Vec<f32>>());
        let places = graph.reshape(places, &[OWN_TAGS * self.labels, classes]);
        graph.matmul(own, places)
    }
}

/// The columns of each label's own tags, one label after the other.
fn columns(labels: i64) -> Vec<i64> {
    (0..labels).flat_map(|label| [0, 1 + 2 * label, 2 + 2 * label]).collect()
}

/// Every token's tag as each label sees it, `[T · labels]`.
fn own_tags(graph: &mut Graph, tags: Value, labels: i64) -> Value {
    let classes = 1 + 2 * labels;
    let seen = |tag: i64, label: i64| (tag - 2 * label).clamp(0, 3) % 3;
    let table: Vec<i64> = (0..classes).flat_map(|tag| (0..labels).map(move |label| seen(tag, label))).collect();
    let table = graph.integers(&table);
    let table = graph.reshape(table, &[classes, labels]);
    let tags = graph.reshape(tags, &[-1]);
    let zero = graph.integer(0);
    let known = graph.op("Max", &[tags, zero], &[]);
    let seen = graph.op("Gather", &[table, known], &[int("axis", 0)]);
    // What is negative stays so: the row of `O` plus the mark.
    let mark = graph.op("Min", &[tags, zero], &[]);
    let mark = graph.reshape(mark, &[-1, 1]);
    let seen = graph.add(seen, mark);
    graph.reshape(seen, &[-1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::tape::Weight;

    fn check(labels: i64) {
        let emit = move |tape: &mut Tape, weights: &[Weight], _, _| {
            let tags = tape.graph.integers(&[2 * labels, -100, 0, 1, -1, 2]);
            let tags = tape.graph.reshape(tags, &[3, 2]);
            let (loss, layer) = Tagging::forward(tape, weights[0].value, tags, labels);
            let logits = layer.backward(tape);
            give(tape, weights[0], logits);
            loss.mean
        };
        let tensors = vec![drawn("logits", &[6, 1 + 2 * labels as usize], 0.0)];
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![], emit }.check();
    }

    #[test]
    fn gradients_for_one_label_and_several() {
        check(1);
        check(2);
        check(3);
    }

    /// Two labels, tags `B-2`, none, `I-1`: the mean of four cross-entropies of three tags each.
    #[test]
    fn the_loss_by_hand() {
        let values = [0.5, -1.0, 0.25, 2.0, 0.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 0.0, 3.0, -2.0, 0.5];
        let emit = |tape: &mut Tape, weights: &[Weight], _, _| {
            let tags = tape.graph.integers(&[3, -100, 2]);
            let tags = tape.graph.reshape(tags, &[3, 1]);
            let (loss, layer) = Tagging::forward(tape, weights[0].value, tags, 2);
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
}
