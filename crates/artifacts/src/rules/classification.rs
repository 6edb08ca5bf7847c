use crate::graph::{Value, int};
use crate::rules::cross_entropy::{Loss, gold};
use crate::tape::Tape;

/// Cross-entropy of sequences with class weights `w` and label smoothing `ε`, as PyTorch's `CrossEntropyLoss`: the target
/// of class `y` is `t_c = (1 - ε) w_y [c = y] + ε w_c / C`, and the sum of `-t · log p` is divided by that of `w_y`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classification {
    log_probabilities: Value,
    targets: Value,
    divisor: Value,
}

/// Keeps the mean of nothing 0.
const LEAST_WEIGHT: f32 = 1e-30;

impl Classification {
    /// `logits` `[B, C]` and `labels` `[B]`, negative where a sequence carries none; a weight for each class.
    pub(crate) fn forward(
        tape: &mut Tape,
        logits: Value,
        labels: Value,
        weights: &[f32],
        smoothing: f32,
    ) -> (Loss, Self) {
        let graph = &mut tape.graph;
        let classes = weights.len();
        let (_, gold) = gold(graph, labels, classes as i64);
        let table: Vec<f32> = (0..classes * classes).map(|place| target(weights, smoothing, place)).collect();
        let table = graph.numbers(&table);
        let table = graph.reshape(table, &[classes as i64, classes as i64]);
        let targets = graph.matmul(gold, table);
        let weights = graph.numbers(weights);
        let counted = graph.mul(gold, weights);
        let counted = graph.op("ReduceSum", &[counted], &[int("keepdims", 0)]);

        let log_probabilities = graph.op("LogSoftmax", &[logits], &[int("axis", -1)]);
        let chosen = graph.mul(targets, log_probabilities);
        let total = graph.op("ReduceSum", &[chosen], &[int("keepdims", 0)]);
        let least = graph.number(LEAST_WEIGHT);
        let divisor = graph.op("Max", &[counted, least], &[]);
        let mean = graph.op("Div", &[total, divisor], &[]);
        let mean = graph.op("Neg", &[mean], &[]);
        (Loss { mean, labelled: counted }, Self { log_probabilities, targets, divisor })
    }

    /// `dlogits = (softmax · Σ t - t) / Σ w_y`.
    pub(crate) fn backward(self, tape: &mut Tape) -> Value {
        let graph = &mut tape.graph;
        let probabilities = graph.op("Exp", &[self.log_probabilities], &[]);
        let last = graph.integers(&[-1]);
        let sums = graph.op("ReduceSum", &[self.targets, last], &[int("keepdims", 1)]);
        let pulled = graph.mul(probabilities, sums);
        let difference = graph.sub(pulled, self.targets);
        graph.op("Div", &[difference, self.divisor], &[])
    }
}

/// Row `y`, column `c` of the targets, row-major.
fn target(weights: &[f32], smoothing: f32, place: usize) -> f32 {
    let (gold, class) = (place / weights.len(), place % weights.len());
    let own = if gold == class { (1.0 - smoothing) * weights[gold] } else { 0.0 };
    own + smoothing * weights[class] / weights.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::tape::Weight;

    fn emit(tape: &mut Tape, weights: &[Weight], _: Value, _: Value) -> Value {
        let labels = tape.graph.integers(&[2, 0, -100, 1, 2]);
        let (loss, layer) = Classification::forward(tape, weights[0].value, labels, &[0.5, 2.0, 1.25], 0.1);
        let logits = layer.backward(tape);
        give(tape, weights[0], logits);
        loss.mean
    }

    #[test]
    fn gradients_with_weights_and_smoothing() {
        let tensors = vec![drawn("logits", &[5, 3], 0.0)];
        Layer { input_ids: vec![vec![0]], tensors, output: vec![], emit }.check();
    }

    /// The value that PyTorch 2.15 gives: `cross_entropy(logits, labels, weight, label_smoothing=0.1)`.
    #[test]
    fn the_loss_is_pytorchs() {
        let mut logits = drawn("logits", &[5, 3], 0.0);
        logits.values = vec![0.5, -1.0, 2.0, 1.5, 0.25, -0.75, 9.0, 9.0, -9.0, 0.0, -2.0, 1.0, 3.0, 0.125, -0.5];
        let found = Layer { input_ids: vec![vec![0]], tensors: vec![logits], output: vec![], emit }.prepare(1).output();
        assert!((found[0] - PYTORCH).abs() < 1e-6, "{found:?}");
    }

    const PYTORCH: f32 = 2.312_241_3;
}
