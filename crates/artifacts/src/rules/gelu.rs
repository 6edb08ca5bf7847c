use std::f32::consts::FRAC_1_SQRT_2;

use crate::graph::{Graph, Operation, Value};
use crate::rules::linear::Factors;
use crate::tape::Tape;

/// GELU by the error function, `u · (1 + erf(u/√2)) / 2`, on `z = u/√2`: it yields `z · (1 + erf z)`, which is √2 times
/// the activation. The linear layers around take over both factors ([`Gelu::BEFORE`], [`Gelu::AFTER`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gelu {
    input: Value,
}

impl Gelu {
    /// Factors of the linear layer that feeds it.
    pub(crate) const BEFORE: Factors = Factors { product: FRAC_1_SQRT_2, bias: FRAC_1_SQRT_2 };
    /// Factors of the linear layer that it feeds.
    pub(crate) const AFTER: Factors = Factors { product: FRAC_1_SQRT_2, bias: 1.0 };

    /// `z` to `z · (1 + erf z)`.
    pub(crate) fn forward(tape: &mut Tape, input: Value) -> (Value, Self) {
        let [output] = tape.graph.call(&GATE, &[input], &[]);
        (output, Self { input })
    }

    /// `dz = dy · (1 + erf z + z · 2/√π · exp(-z²))`.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let [input] = tape.graph.call(&GRADIENT, &[self.input, gradient], &[]);
        input
    }
}

const GATE: Operation = Operation {
    name: "ErfGate",
    inputs: &["Z"],
    attributes: &[],
    body: |graph, inputs| {
        let slope = one_plus_erf(graph, inputs[0]);
        vec![graph.mul(inputs[0], slope)]
    },
};

const GRADIENT: Operation = Operation {
    name: "ErfGateGrad",
    inputs: &["Z", "dY"],
    attributes: &[],
    body: |graph, inputs| {
        let &[input, gradient] = inputs else { return Vec::new() };
        let slope = one_plus_erf(graph, input);
        // Inside the exponential the factor costs nothing.
        let log_factor = graph.number(LOG_FACTOR);
        let square = graph.mul(input, input);
        let exponent = graph.sub(log_factor, square);
        let density = graph.op("Exp", &[exponent], &[]);
        let curve = graph.mul(input, density);
        let slope = graph.add(slope, curve);
        vec![graph.mul(gradient, slope)]
    },
};

/// `ln(2/√π)`.
const LOG_FACTOR: f32 = 0.120_782_24;

fn one_plus_erf(graph: &mut Graph, input: Value) -> Value {
    let one = graph.number(1.0);
    let erf = graph.op("Erf", &[input], &[]);
    graph.add(erf, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::graph::Value;
    use crate::tape::Weight;

    #[test]
    fn gradients() {
        let emit = |tape: &mut Tape, weights: &[Weight], _, upstream: Value| {
            let (y, layer) = Gelu::forward(tape, weights[0].value);
            let x = layer.backward(tape, upstream);
            give(tape, weights[0], x);
            y
        };
        Layer { input_ids: vec![vec![0]], tensors: vec![drawn("z", &[8, 4], 0.0)], output: vec![8, 4], emit }.check();
    }

    #[test]
    fn the_constant_is_the_logarithm_it_says() {
        let exact = std::f64::consts::FRAC_2_SQRT_PI.ln();
        assert!((f64::from(LOG_FACTOR) - exact).abs() < 1e-8, "{exact}");
    }
}
