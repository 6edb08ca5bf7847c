use crate::graph::Value;
use crate::tape::Tape;

/// Dropout by a mask that the host draws: 0 or `1 / (1 - rate)` for each activation. Without a mask it is the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    mask: Option<Value>,
}

impl Dropout {
    /// The mask has the activations' shape.
    pub(crate) fn forward(tape: &mut Tape, mask: Option<Value>, input: Value) -> (Value, Self) {
        let dropout = Self { mask };
        (dropout.backward(tape, input), dropout)
    }

    /// The same product as forwards.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        match self.mask {
            Some(mask) => tape.graph.mul(gradient, mask),
            None => gradient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, constant, drawn, give};
    use crate::tape::Weight;

    #[test]
    fn gradients() {
        let masked = |tape: &mut Tape, weights: &[Weight], _, upstream| {
            let mask = constant(tape, &[2, 3], &[0.0, 1.25, 1.25, 1.25, 0.0, 1.25]);
            let (y, layer) = Dropout::forward(tape, Some(mask), weights[0].value);
            let x = layer.backward(tape, upstream);
            give(tape, weights[0], x);
            y
        };
        let tensors = vec![drawn("x", &[2, 3], 0.0)];
        Layer { input_ids: vec![vec![0, 0]], tensors, output: vec![2, 3], emit: masked }.check();
    }

    #[test]
    fn leaves_no_operator_without_a_mask() {
        let mut graph = crate::graph::Graph::new("none");
        let input = graph.number(2.0);
        let mut tape = Tape::new(graph, input);
        let (output, layer) = Dropout::forward(&mut tape, None, input);
        assert_eq!([output, layer.backward(&mut tape, input)], [input, input]);
    }
}
