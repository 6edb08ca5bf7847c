use crate::graph::{Graph, Operation, Value, float, int, passed};
use crate::onnx::AttributeProto;
use crate::tape::{Gradient, Tape, Weight};

/// `y = s · x Wᵀ + t · b` with `W` `[out, in]`: one `Gemm` forwards, two backwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    weight: Weight,
    bias: Weight,
    input: Value,
    factors: Factors,
    /// Whether the rows are sequences rather than tokens.
    of_sequences: bool,
}

/// The factors of product and bias, which carry constants of the layers around at no cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    /// `s`.
    pub(crate) product: f32,
    /// `t`.
    pub(crate) bias: f32,
}

impl Factors {
    /// A plain linear layer.
    pub(crate) const ONE: Self = Self { product: 1.0, bias: 1.0 };
}

impl Linear {
    /// `[T, in]` to `[T, out]`.
    pub(crate) fn forward(
        tape: &mut Tape,
        weight: Weight,
        bias: Weight,
        input: Value,
        factors: Factors,
    ) -> (Value, Self) {
        let attributes = [float("alpha", factors.product), float("beta", factors.bias), int("transB", 1)];
        let output = product(&mut tape.graph, &[input, weight.value, bias.value], &attributes);
        (output, Self { weight, bias, input, factors, of_sequences: false })
    }

    /// The same layer where its rows are sequences: `[B, in]` to `[B, out]`.
    pub(crate) const fn of_sequences(self) -> Self {
        Self { of_sequences: true, ..self }
    }

    /// `dW = s · dyᵀ x`, `db = t · Σ dy`, `dx = s · dy W + carried`: the gradient that reaches the input on another way
    /// (the residual's) enters as the product's third operand.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value, carried: Option<Value>) -> Value {
        let alpha = float("alpha", self.factors.product);
        let weight = product(&mut tape.graph, &[gradient, self.input], &[alpha.clone(), int("transA", 1)]);
        tape.give(self.weight, Gradient::Dense(weight));
        let mut bias = if self.of_sequences {
            let first = tape.graph.integers(&[0]);
            tape.graph.op("ReduceSum", &[gradient, first], &[int("keepdims", 0)])
        } else {
            tape.sum_tokens(gradient)
        };
        if (self.factors.bias - 1.0).abs() > f32::EPSILON {
            let factor = tape.graph.number(self.factors.bias);
            bias = tape.graph.mul(bias, factor);
        }
        tape.give(self.bias, Gradient::Dense(bias));
        let inputs = [Some(gradient), Some(self.weight.value), carried];
        let inputs: Vec<Value> = inputs.into_iter().flatten().collect();
        product(&mut tape.graph, &inputs, &[alpha])
    }
}

/// ONNX's `Gemm` of two matrices and what is added to their product, under a name of its own.
const PRODUCT: Operation = Operation {
    name: "MatrixProduct",
    inputs: &["A", "B", "C"],
    attributes: &["alpha", "beta", "transA", "transB"],
    body: |graph, inputs| {
        let attributes = [passed("alpha", 1), passed("beta", 1), passed("transA", 2), passed("transB", 2)];
        vec![graph.op("Gemm", inputs, &attributes)]
    },
};

fn product(graph: &mut Graph, inputs: &[Value], attributes: &[AttributeProto]) -> Value {
    let [output] = graph.call(&PRODUCT, inputs, attributes);
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};

    #[test]
    fn gradients_with_factors_and_a_carried_gradient() {
        let tensors = vec![drawn("w", &[3, 4], 0.0), drawn("b", &[3], 0.0), drawn("x", &[6, 4], 0.0)];
        // The residual around the layer feeds the output too, here by its first three features.
        let emit = |tape: &mut Tape, weights: &[Weight], _, upstream: Value| {
            let factors = Factors { product: 0.7, bias: -1.5 };
            let (y, layer) = Linear::forward(tape, weights[0], weights[1], weights[2].value, factors);
            let [from, to, axis] = [0, 3, 1].map(|number| tape.graph.integers(&[number]));
            let residual = tape.graph.op("Slice", &[weights[2].value, from, to, axis], &[]);
            let pads = tape.graph.integers(&[0, 0, 0, 1]);
            let carried = tape.graph.op("Pad", &[upstream, pads], &[]);
            let x = layer.backward(tape, upstream, Some(carried));
            give(tape, weights[2], x);
            tape.graph.add(y, residual)
        };
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![6, 3], emit }.check();
    }
}
