use crate::graph::{Graph, Value, int};
use crate::tape::Tape;

/// Mean cross-entropy over the tokens that carry a label, perhaps with smoothed targets; a negative label marks the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrossEntropy {
    log_probabilities: Value,
    targets: Value,
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
    pub(crate) fn forward(tape: &mut Tape, logits: Value, labels: Value, classes: i64, smoothing: f32) -> (Loss, Self) {
        let graph = &mut tape.graph;
        let (labelled, gold) = gold(graph, labels, classes);
        let log_probabilities = graph.op("LogSoftmax", &[logits], &[int("axis", -1)]);
        let targets = smoothed(graph, gold, labelled, smoothing / classes as f32, 1.0 - smoothing);
        let chosen = graph.mul(targets, log_probabilities);
        let total = graph.op("ReduceSum", &[chosen], &[int("keepdims", 0)]);
        let total = graph.op("Neg", &[total], &[]);
        let count = graph.op("ReduceSum", &[labelled], &[int("keepdims", 0)]);
        let one = graph.number(1.0);
        let divisor = graph.op("Max", &[count, one], &[]);
        let mean = graph.op("Div", &[total, divisor], &[]);
        (Loss { mean, labelled: count }, Self { log_probabilities, targets, labelled, divisor })
    }

    /// `dlogits = (softmax - target) / count` on labelled tokens, 0 on the others.
    pub(crate) fn backward(self, tape: &mut Tape) -> Value {
        let graph = &mut tape.graph;
        let probabilities = graph.op("Exp", &[self.log_probabilities], &[]);
        let probabilities = graph.mul(probabilities, self.labelled);
        let difference = graph.sub(probabilities, self.targets);
        graph.op("Div", &[difference, self.divisor], &[])
    }
}

/// Targets with a share of `spread` for each class of a labelled token, and what is `left` for its own.
fn smoothed(graph: &mut Graph, gold: Value, labelled: Value, spread: f32, left: f32) -> Value {
    if spread == 0.0 {
        return gold;
    }
    let [spread, left] = [spread, left].map(|share| graph.number(share));
    let own = graph.mul(gold, left);
    let all = graph.mul(labelled, spread);
    graph.add(own, all)
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
    fn layer(smoothing: f32) -> Layer<impl FnOnce(&mut Tape, &[Weight], Value, Value) -> Value> {
        let emit = move |tape: &mut Tape, weights: &[Weight], _, _| {
            let labels = tape.graph.integers(&[2, -100, 0, 0, -1, 1]);
            let labels = tape.graph.reshape(labels, &[3, 2]);
            let (loss, layer) = CrossEntropy::forward(tape, weights[0].value, labels, 3, smoothing);
            let logits = layer.backward(tape);
            give(tape, weights[0], logits);
            loss.mean
        };
        let tensors = vec![drawn("logits", &[6, 3], 0.0)];
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![], emit }
    }

    /// The loss of each token by hand, from its probabilities and its class.
    fn check(smoothing: f32, by_hand: impl Fn([f64; 3], usize) -> f64) {
        let found = f64::from(layer(smoothing).prepare(1).output()[0]);
        let logits = drawn("logits", &[6, 3], 0.0).values;
        let tokens = [(0, 2), (2, 0), (3, 0), (5, 1)].map(|(token, class)| {
            let exponentials = [0, 1, 2].map(|place| f64::from(logits[3 * token + place]).exp());
            let sum: f64 = exponentials.iter().sum();
            by_hand(exponentials.map(|value| value / sum), class)
        });
        let wanted = tokens.iter().sum::<f64>() / 4.0;
        assert!((found - wanted).abs() < 1e-5, "{smoothing}: {found}, not {wanted}");
        layer(smoothing).check();
    }

    #[test]
    fn losses_and_gradients_of_the_mean() {
        check(0.0, |p, class| -p[class].ln());
        check(0.3, |p, class| -0.7 * p[class].ln() - 0.1 * p.iter().map(|value| value.ln()).sum::<f64>());
    }
}
