use crate::encoder::Activation;
use crate::graph::{Graph, Value};
use crate::rules::gelu::Gelu;
use crate::rules::linear::Factors;
use crate::tape::Tape;

/// The activation between the two linear layers of a feed-forward part, which take over its constant factors
/// ([`Activated::factors`]).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activated {
    /// By the error function.
    Gelu(Gelu),
    /// By the hyperbolic tangent.
    GeluTanh(TanhGelu),
    /// The output of `max(0, u)`.
    Relu(Value),
    /// The output of `tanh u`.
    Tanh(Value),
}

impl Activated {
    /// Factors of the linear layer before and of the one behind.
    pub(crate) const fn factors(activation: Activation) -> [Factors; 2] {
        match activation {
            Activation::Gelu => [Gelu::BEFORE, Gelu::AFTER],
            Activation::GeluTanh | Activation::Relu | Activation::Tanh => [Factors::ONE; 2],
        }
    }

    /// The activation of each element.
    pub(crate) fn forward(tape: &mut Tape, activation: Activation, input: Value) -> (Value, Self) {
        match activation {
            Activation::Gelu => {
                let (output, saved) = Gelu::forward(tape, input);
                (output, Self::Gelu(saved))
            }
            Activation::GeluTanh => {
                let (output, saved) = TanhGelu::forward(&mut tape.graph, input);
                (output, Self::GeluTanh(saved))
            }
            Activation::Relu => {
                let output = tape.graph.op("Relu", &[input], &[]);
                (output, Self::Relu(output))
            }
            Activation::Tanh => {
                let output = tape.graph.op("Tanh", &[input], &[]);
                (output, Self::Tanh(output))
            }
        }
    }

    /// From the output's gradient to the input's.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        match self {
            Self::Gelu(saved) => saved.backward(tape, gradient),
            Self::GeluTanh(saved) => saved.backward(&mut tape.graph, gradient),
            Self::Relu(output) => {
                let sign = tape.graph.op("Sign", &[output], &[]);
                tape.graph.mul(gradient, sign)
            }
            Self::Tanh(output) => {
                let one = tape.graph.number(1.0);
                let square = tape.graph.mul(output, output);
                let slope = tape.graph.sub(one, square);
                tape.graph.mul(gradient, slope)
            }
        }
    }
}

/// `√(2/π)` twice, for `(1 + tanh a) / 2 = σ(2a)`.
const TWICE_ROOT: f32 = 1.595_769;
/// The factor of the cube.
const CUBIC: f32 = 0.044_715;

/// GELU's approximation `u · (1 + tanh(√(2/π) · (u + 0.044715 u³))) / 2` (Hendrycks and Gimpel 2016), as `u · σ(a)` with
/// `a = 2√(2/π) · (u + 0.044715 u³)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TanhGelu {
    square: Value,
    gate: Value,
    output: Value,
}

impl TanhGelu {
    fn forward(graph: &mut Graph, input: Value) -> (Value, Self) {
        let square = graph.mul(input, input);
        let [linear, cubic] = [TWICE_ROOT, TWICE_ROOT * CUBIC].map(|number| graph.number(number));
        let slope = graph.mul(square, cubic);
        let slope = graph.add(slope, linear);
        let exponent = graph.mul(input, slope);
        let gate = graph.op("Sigmoid", &[exponent], &[]);
        let output = graph.mul(input, gate);
        (output, Self { square, gate, output })
    }

    /// `du = dy · σ · (1 + u · (1 - σ) · a')`, and `u · a' = 2√(2/π) · (u + 3 · 0.044715 u³)`.
    fn backward(self, graph: &mut Graph, gradient: Value) -> Value {
        let [one, linear, cubic] = [1.0, TWICE_ROOT, 3.0 * TWICE_ROOT * CUBIC].map(|number| graph.number(number));
        let slope = graph.mul(self.square, cubic);
        let slope = graph.add(slope, linear);
        let rest = graph.sub(one, self.gate);
        let curve = graph.mul(self.output, rest);
        let curve = graph.mul(curve, slope);
        let slope = graph.add(self.gate, curve);
        graph.mul(gradient, slope)
    }
}

/// The activation of the plain inference graph, in the shape that the library recognises and fuses.
pub(crate) fn plain(graph: &mut Graph, activation: Activation, input: Value) -> Value {
    match activation {
        Activation::Gelu => plain_gelu(graph, input),
        Activation::GeluTanh => TanhGelu::forward(graph, input).0,
        Activation::Relu => graph.op("Relu", &[input], &[]),
        Activation::Tanh => graph.op("Tanh", &[input], &[]),
    }
}

/// `u · (1 + erf(u/√2)) / 2`.
fn plain_gelu(graph: &mut Graph, input: Value) -> Value {
    let [root, one, half] = [std::f32::consts::SQRT_2, 1.0, 0.5].map(|number| graph.number(number));
    let scaled = graph.op("Div", &[input, root], &[]);
    let erf = graph.op("Erf", &[scaled], &[]);
    let slope = graph.add(erf, one);
    let product = graph.mul(input, slope);
    graph.mul(product, half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, drawn, give};
    use crate::tape::Weight;

    fn check(activation: Activation, centre: f32) {
        let emit = move |tape: &mut Tape, weights: &[Weight], _, upstream: Value| {
            let (y, layer) = Activated::forward(tape, activation, weights[0].value);
            let x = layer.backward(tape, upstream);
            give(tape, weights[0], x);
            y
        };
        let tensors = vec![drawn("u", &[8, 4], centre)];
        Layer { input_ids: vec![vec![0]], tensors, output: vec![8, 4], emit }.check();
    }

    #[test]
    fn gradients_of_the_approximation() {
        check(Activation::GeluTanh, 0.0);
        check(Activation::GeluTanh, -2.0);
    }

    /// No draw is nearer to the kink than the differences reach.
    #[test]
    fn gradients_of_the_rectifier() {
        check(Activation::Relu, 0.0);
    }

    #[test]
    fn gradients_of_the_hyperbolic_tangent() {
        check(Activation::Tanh, 0.0);
    }

    #[test]
    fn the_constant_is_the_root_it_says() {
        let exact = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
        assert!((f64::from(TWICE_ROOT) - exact).abs() < 1e-7, "{exact}");
    }
}
