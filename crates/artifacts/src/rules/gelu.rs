use std::f32::consts::FRAC_1_SQRT_2;

use crate::graph::Value;
use crate::rules::linear::Factors;
use crate::tape::Tape;

/// GELU by the error function, `u · (1 + erf(u/√2)) / 2`, on `z = u/√2`: it yields `z · (1 + erf z)`, which is √2 times
/// the activation. The linear layers around take over both factors ([`Gelu::BEFORE`], [`Gelu::AFTER`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gelu {
    input: Value,
    slope: Value,
}

impl Gelu {
    /// Factors of the linear layer that feeds it.
    pub(crate) const BEFORE: Factors = Factors { product: FRAC_1_SQRT_2, bias: FRAC_1_SQRT_2 };
    /// Factors of the linear layer that it feeds.
    pub(crate) const AFTER: Factors = Factors { product: FRAC_1_SQRT_2, bias: 1.0 };
    /// `ln(2/√π)`: inside the exponential the factor costs nothing.
    const LOG_SLOPE: f32 = 0.120_782_24;

    /// `z` to `z · (1 + erf z)`.
    pub(crate) fn forward(tape: &mut Tape, input: Value) -> (Value, Self) {
        let graph = &mut tape.graph;
        let one = graph.number(1.0);
        let erf = graph.op("Erf", &[input], &[]);
        let slope = graph.add(erf, one);
        (graph.mul(input, slope), Self { input, slope })
    }

    /// `dz = dy · (1 + erf z + z · exp(ln(2/√π) - z²))`.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let graph = &mut tape.graph;
        let log_slope = graph.number(Self::LOG_SLOPE);
        let square = graph.mul(self.input, self.input);
        let exponent = graph.sub(log_slope, square);
        let density = graph.op("Exp", &[exponent], &[]);
        let curve = graph.mul(self.input, density);
        let slope = graph.add(self.slope, curve);
        graph.mul(gradient, slope)
    }
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
        assert!((f64::from(Gelu::LOG_SLOPE) - exact).abs() < 1e-8, "{exact}");
    }
}
