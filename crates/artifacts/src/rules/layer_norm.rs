use crate::graph::{Graph, Operation, Value, float, int};
use crate::tape::{Gradient, Tape, Weight};

/// `y = γ · (x - μ) / σ + β` over the features of each token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNorm {
    scale: Weight,
    bias: Weight,
    input: Value,
    mean: Value,
    inverse: Value,
}

impl LayerNorm {
    /// `[T, H]` to `[T, H]`.
    pub(crate) fn forward(tape: &mut Tape, scale: Weight, bias: Weight, input: Value, epsilon: f32) -> (Value, Self) {
        let inputs = [input, scale.value, bias.value];
        let attributes = [int("axis", -1), float("epsilon", epsilon)];
        let [output, mean, inverse] = tape.graph.op_many("LayerNormalization", &inputs, &attributes);
        (output, Self { scale, bias, input, mean, inverse })
    }

    /// With `x̂ = (x - μ)/σ` and `g = γ·dy`: `dx = (g - mean(g) - x̂·mean(g·x̂))/σ`, `dγ = Σ dy·x̂`, `dβ = Σ dy`.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let inputs = [gradient, self.input, self.scale.value, self.mean, self.inverse];
        let [input, scale, bias] = tape.graph.call(&GRADIENT, &inputs, &[]);
        tape.give(self.scale, Gradient::Dense(scale));
        tape.give(self.bias, Gradient::Dense(bias));
        input
    }
}

const GRADIENT: Operation = Operation {
    name: "LayerNormalizationGrad",
    inputs: &["dY", "X", "scale", "mean", "inverse"],
    attributes: &[],
    body: |graph, inputs| {
        let &[gradient, input, scale, mean, inverse] = inputs else { return Vec::new() };
        let centred = graph.sub(input, mean);
        let normal = graph.mul(centred, inverse);
        let scaled = graph.mul(gradient, scale);
        let level = mean_of_features(graph, scaled);
        let product = graph.mul(scaled, normal);
        let slope = mean_of_features(graph, product);
        let along = graph.mul(normal, slope);
        let across = graph.sub(scaled, level);
        let across = graph.sub(across, along);
        let product = graph.mul(gradient, normal);
        vec![graph.mul(across, inverse), sum_of_tokens(graph, product), sum_of_tokens(graph, gradient)]
    },
};

fn mean_of_features(graph: &mut Graph, value: Value) -> Value {
    let last = graph.integers(&[-1]);
    graph.op("ReduceMean", &[value, last], &[int("keepdims", 1)])
}

fn sum_of_tokens(graph: &mut Graph, value: Value) -> Value {
    let first = graph.integers(&[0]);
    graph.op("ReduceSum", &[value, first], &[int("keepdims", 0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};

    /// Inputs around `centre`: the rule never forms the normalised input, so a mean far from 0 is its hard case.
    fn check(centre: f32) {
        let tensors = vec![drawn("scale", &[5], 1.0), drawn("bias", &[5], 0.0), drawn("x", &[6, 5], centre)];
        let emit = |tape: &mut Tape, weights: &[Weight], _, upstream| {
            let (y, layer) = LayerNorm::forward(tape, weights[0], weights[1], weights[2].value, 0.1);
            let x = layer.backward(tape, upstream);
            give(tape, weights[2], x);
            y
        };
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![6, 5], emit }.check();
    }

    #[test]
    fn gradients_at_means_near_and_far() {
        check(0.0);
        check(-8.0);
    }
}
