use crate::graph::{Value, float, int};
use crate::tape::{Gradient, Tape, Weight};

/// `y = γ · (x - μ) / σ + β` over the features of each token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNorm {
    scale: Weight,
    bias: Weight,
    input: Value,
    mean: Value,
    inverse: Value,
    features: usize,
}

impl LayerNorm {
    /// `[T, H]` to `[T, H]`.
    pub(crate) fn forward(
        tape: &mut Tape,
        scale: Weight,
        bias: Weight,
        input: Value,
        features: usize,
        epsilon: f32,
    ) -> (Value, Self) {
        let inputs = [input, scale.value, bias.value];
        let attributes = [int("axis", -1), float("epsilon", epsilon)];
        let [output, mean, inverse] = tape.graph.op_many("LayerNormalization", &inputs, &attributes);
        (output, Self { scale, bias, input, mean, inverse, features })
    }

    /// With `i = 1/σ`, `x̂ = i·x - i·μ`, `a = mean(γ·dy)` and `b = mean(γ·dy·x̂)` for each token:
    /// `dx = i · (γ·dy - a - x̂·b)`, `dγ = Σ dy·x̂`, `dβ = Σ dy`.
    ///
    /// `x̂` is never formed. Its sums come from `q = dy·x` by linearity, as products with a vector, and in `dx` it is
    /// `x` times one factor of the token and plus another: six passes over `[T, H]` instead of eight.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let graph = &mut tape.graph;
        let shift = graph.mul(self.mean, self.inverse);
        let product = graph.mul(gradient, self.input);

        let weights = graph.reshape(self.inverse, &[-1]);
        let scaled = graph.matmul(weights, product);
        let weights = graph.reshape(shift, &[-1]);
        let shifted = graph.matmul(weights, gradient);
        let scale = graph.sub(scaled, shifted);

        let column = graph.reshape(self.scale.value, &[-1, 1]);
        let share = graph.number(1.0 / self.features as f32);
        let column = graph.mul(column, share);
        let mean = graph.matmul(gradient, column);
        let raw = graph.matmul(product, column);
        let raw = graph.mul(raw, self.inverse);
        let offset = graph.mul(shift, mean);
        let slope = graph.sub(raw, offset);

        let input_factor = graph.mul(self.inverse, slope);
        let offset = graph.mul(shift, slope);
        let constant = graph.sub(mean, offset);
        let scaled = graph.mul(gradient, self.scale.value);
        let along = graph.mul(self.input, input_factor);
        let across = graph.sub(scaled, along);
        let across = graph.sub(across, constant);
        let input = graph.mul(across, self.inverse);

        tape.give(self.scale, Gradient::Dense(scale));
        let bias = tape.sum_tokens(gradient);
        tape.give(self.bias, Gradient::Dense(bias));
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};

    /// Inputs around `centre`: the rule never forms the normalised input, so a mean far from 0 is its hard case.
    fn check(centre: f32) {
        let tensors = vec![drawn("scale", &[5], 1.0), drawn("bias", &[5], 0.0), drawn("x", &[6, 5], centre)];
        let emit = |tape: &mut Tape, weights: &[Weight], _, upstream| {
            let (y, layer) = LayerNorm::forward(tape, weights[0], weights[1], weights[2].value, 5, 0.1);
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
