use clinsynth_contract::{AdamW, AdamWScalars, Dimension, ElementType, Parameter};

use crate::graph::{Graph, Operation, Value, int, string, tensor};
use crate::tape::{Gradient, Tape, Weight};

/// The scalar inputs of the training graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalars {
    k_update: Value,
    k_epsilon: Value,
    k_decay: Value,
    beta1: Value,
    beta2: Value,
    max_gradient_norm: Value,
}

impl Scalars {
    /// Declares them, in the order of [`AdamWScalars::NAMES`].
    pub(crate) fn declare(graph: &mut Graph) -> Self {
        let [k_update, k_epsilon, k_decay, beta1, beta2, max_gradient_norm] =
            AdamWScalars::NAMES.map(|name| graph.input(name, ElementType::Float32, &[]));
        Self { k_update, k_epsilon, k_decay, beta1, beta2, max_gradient_norm }
    }
}

/// The Euclidean norm over all gradients.
pub(crate) fn global_norm(tape: &mut Tape, parameters: usize) -> Value {
    tape.graph.enter("norm");
    let gradients: Vec<Gradient> = (0..parameters).filter_map(|index| tape.gradient(index)).collect();
    let squares: Vec<Value> = gradients
        .into_iter()
        .map(|(Gradient::Dense(value) | Gradient::Rows { rows: value, .. })| {
            tape.graph.op("ReduceSumSquare", &[value], &[int("keepdims", 0)])
        })
        .collect();
    let sum = tape.graph.op("Sum", &squares, &[]);
    tape.graph.op("Sqrt", &[sum], &[])
}

/// [`AdamW::clip_factor`]. Every update takes it as a factor, even where it is 1: whoever writes a parameter in
/// place has then waited for the norm, and so for all that read the old value.
pub(crate) fn clip_factor(graph: &mut Graph, norm: Value, scalars: &Scalars) -> Value {
    let epsilon = graph.number(AdamW::CLIP_EPSILON as f32);
    let guarded = graph.add(norm, epsilon);
    let ratio = graph.op("Div", &[scalars.max_gradient_norm, guarded], &[]);
    let one = graph.number(1.0);
    graph.op("Min", &[ratio, one], &[])
}

/// A parameter and its moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// The parameter.
    pub(crate) weight: Weight,
    /// `M` and `V`.
    pub(crate) moments: [Value; 2],
}

/// One AdamW step on one parameter, by the formula of [`AdamWScalars`], to the outputs `P.next`, `P.m.next`, `P.v.next`.
pub(crate) fn update(
    graph: &mut Graph,
    parameter: &Parameter,
    state: State,
    gradient: Gradient,
    factor: Value,
    scalars: &Scalars,
) {
    graph.enter(format!("update/{}", parameter.name));
    let [first, second] = state.moments;
    let (moved, kept) = paced(graph, parameter, scalars);
    let scalars = [factor, moved, scalars.k_epsilon, kept, scalars.beta1, scalars.beta2];
    let state = [state.weight.value, first, second];
    let [next, first, second] = match gradient {
        Gradient::Dense(value) => graph.call(&DENSE, &[&state[..], &[value], &scalars].concat(), &[]),
        Gradient::Rows { indices, rows } => graph.call(&ROWS, &[&state[..], &[rows, indices], &scalars].concat(), &[]),
    };
    let shape: Vec<Dimension> = parameter.shape.iter().map(|&size| Dimension::Fixed(size)).collect();
    for (value, suffix) in [(next, "next"), (first, "m.next"), (second, "v.next")] {
        graph.output(value, &format!("{}.{suffix}", parameter.name), &shape);
    }
}

/// `k_update` and `k_decay` for a parameter's own share `r` of the learning rate: `r · k_update` and, if it decays at all,
/// `1 - r · (1 - k_decay)`.
fn paced(graph: &mut Graph, parameter: &Parameter, scalars: &Scalars) -> (Value, Value) {
    let one = graph.number(1.0);
    if (parameter.rate - 1.0).abs() < f32::EPSILON {
        return (scalars.k_update, if parameter.decay { scalars.k_decay } else { one });
    }
    let rate = graph.number(parameter.rate);
    let moved = graph.mul(scalars.k_update, rate);
    if !parameter.decay {
        return (moved, one);
    }
    let lost = graph.sub(one, scalars.k_decay);
    let lost = graph.mul(lost, rate);
    (moved, graph.sub(one, lost))
}

const DENSE: Operation = Operation {
    name: "AdamW",
    inputs: &["P", "M", "V", "G", "clip", "k_update", "k_epsilon", "k_decay", "beta1", "beta2"],
    attributes: &[],
    body: |graph, inputs| {
        let &[weight, first, second, gradient, ref scalars @ ..] = inputs else { return Vec::new() };
        let moments = decayed(graph, [first, second], scalars);
        let [clipped, square] = clipped(graph, gradient, scalars);
        let moments = [graph.add(moments[0], clipped), graph.add(moments[1], square)];
        moved(graph, weight, moments, scalars)
    },
};

/// Of a gradient by rows only the rows are added, which spares a dense copy of the largest tensor; the rows are distinct,
/// so their order does not matter.
const ROWS: Operation = Operation {
    name: "AdamWRows",
    inputs: &["P", "M", "V", "G", "indices", "clip", "k_update", "k_epsilon", "k_decay", "beta1", "beta2"],
    attributes: &[],
    body: |graph, inputs| {
        let &[weight, first, second, rows, indices, ref scalars @ ..] = inputs else { return Vec::new() };
        let [first, second] = decayed(graph, [first, second], scalars);
        let [clipped, square] = clipped(graph, rows, scalars);
        let moments = [(first, clipped), (second, square)].map(|(moment, rows)| {
            let add = string("reduction", "add");
            graph.op("ScatterND", &[moment, indices, rows], &[add])
        });
        moved(graph, weight, moments, scalars)
    },
};

/// `β₁M` and `β₂V`.
fn decayed(graph: &mut Graph, [first, second]: [Value; 2], scalars: &[Value]) -> [Value; 2] {
    [graph.mul(first, scalars[4]), graph.mul(second, scalars[5])]
}

/// The clipped gradient and its square.
fn clipped(graph: &mut Graph, gradient: Value, scalars: &[Value]) -> [Value; 2] {
    let clipped = graph.mul(gradient, scalars[0]);
    [clipped, graph.mul(clipped, clipped)]
}

/// The new parameter, and the new moments after it.
fn moved(graph: &mut Graph, weight: Value, [first, second]: [Value; 2], scalars: &[Value]) -> Vec<Value> {
    let root = graph.op("Sqrt", &[second], &[]);
    let divisor = graph.add(root, scalars[2]);
    let direction = graph.op("Div", &[first, divisor], &[]);
    let change = graph.mul(direction, scalars[1]);
    let kept = graph.mul(weight, scalars[3]);
    vec![graph.sub(kept, change), first, second]
}

/// A gradient in the parameter's own shape.
pub(crate) fn dense(graph: &mut Graph, parameter: &Parameter, gradient: Gradient) -> Value {
    let (indices, rows) = match gradient {
        Gradient::Dense(value) => return value,
        Gradient::Rows { indices, rows } => (indices, rows),
    };
    let shape: Vec<i64> = parameter.shape.iter().map(|&size| size as i64).collect();
    let shape = graph.integers(&shape);
    let present = graph.op("Shape", &[rows], &[]);
    // The larger of the two shapes is always the parameter's. Without the detour the zeros would be folded into a
    // constant, kept for the life of the session and copied at every step.
    let shape = graph.op("Max", &[shape, present], &[]);
    let zeros = graph.op("ConstantOfShape", &[shape], &[tensor("value", 0.0)]);
    graph.op("ScatterND", &[zeros, indices, rows], &[])
}
