use crate::graph::{Graph, Value, int};
use crate::tape::Tape;

/// Mean cross-entropy over the tokens that carry a label; a negative label marks the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrossEntropy {
    log_probabilities: Value,
    gold: Value,
    labelled: Value,
    divisor: Value,
}

/// The scalars that a forward pass yields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    /// The mean, 0 without any label.
    pub(crate) mean: Value,
    /// Number of labelled tokens.
    pub(crate) labelled: Value,
}

impl CrossEntropy {
    /// `logits` `[T, C]` and `labels` `[S, B]`.
    pub(crate) fn forward(tape: &mut Tape, logits: Value, labels: Value, classes: i64) -> (Loss, Self) {
        let graph = &mut tape.graph;
        let (labelled, gold) = gold(graph, labels, classes);

        let log_probabilities = graph.op("LogSoftmax", &[logits], &[int("axis", -1)]);
        let chosen = graph.mul(gold, log_probabilities);
        let total = graph.op("ReduceSum", &[chosen], &[int("keepdims", 0)]);
        let count = graph.op("ReduceSum", &[labelled], &[int("keepdims", 0)]);
        let one = graph.number(1.0);
        let divisor = graph.op("Max", &[count, one], &[]);
        let mean = graph.op("Div", &[total, divisor], &[]);
        let mean = graph.op("Neg", &[mean], &[]);
        (Loss { mean, labelled: count }, Self { log_probabilities, gold, labelled, divisor })
    }

    /// `dlogits = (softmax - gold) / count` on labelled tokens, 0 on the others.
    pub(crate) fn backward(self, tape: &mut Tape) -> Value {
        let graph = &mut tape.graph;
        let probabilities = graph.op("Exp", &[self.log_probabilities], &[]);
        let probabilities = graph.mul(probabilities, self.labelled);
        let difference = graph.sub(probabilities, self.gold);
        graph.op("Div", &[difference, self.divisor], &[])
    }
}

/// Which of `N` labels count, as `[N, 1]` of 0 and 1, and their classes as `[N, C]`, all 0 where one does not count.
pub(crate) fn gold(graph: &mut Graph, labels: Value, classes: i64) -> (Value, Value) {
    let labels = graph.reshape(labels, &[-1]);
    let zero = graph.integer(0);
    let labelled = graph.op("GreaterOrEqual", &[labels, zero], &[]);
    let labelled = graph.op("Cast", &[labelled], &[int("to", i64::from(crate::onnx::FLOAT))]);
    let labelled = graph.reshape(labelled, &[-1, 1]);
    // Clamped first: OneHot counts negative indices from the end.
    let classes_known = graph.op("Max", &[labels, zero], &[]);
    let depth = graph.integer(classes);
    let off_on = graph.numbers(&[0.0, 1.0]);
    let gold = graph.op("OneHot", &[classes_known, depth, off_on], &[int("axis", -1)]);
    (labelled, graph.mul(gold, labelled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::tape::Weight;

    /// Six tokens of which those with a negative label do not count.
    #[test]
    fn gradients_of_the_mean() {
        let emit = |tape: &mut Tape, weights: &[Weight], _, _| {
            let labels = tape.graph.integers(&[2, -100, 0, 0, -1, 1]);
            let labels = tape.graph.reshape(labels, &[3, 2]);
            let (loss, layer) = CrossEntropy::forward(tape, weights[0].value, labels, 3);
            let logits = layer.backward(tape);
            give(tape, weights[0], logits);
            loss.mean
        };
        let tensors = vec![drawn("logits", &[6, 3], 0.0)];
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![], emit }.check();
    }
}
