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
