//! Tests of a layer's backward rule: every element of every gradient against a central difference of the forward graph,
//! both run by a stock ONNX Runtime.

use std::borrow::Cow;
use std::path::PathBuf;

use clinsynth_contract::{Dimension, ElementType, Parameter};
use clinsynth_runtime::ort::session::{Session, SessionInputValue};
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};

use crate::graph::{Graph, Value};
use crate::optimizer::dense;
use crate::tape::{Gradient, Tape, Weight};
use crate::weights::normal_draws;

/// Half the distance of the two points of a difference.
const STEP: f32 = 1e-2;
/// Float32 noise over twice [`STEP`], and the difference's own error of order `STEP`².
const TOLERANCE: f64 = 2e-3;

/// A float tensor with a name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    name: &'static str,
    shape: Vec<usize>,
    /// Its elements, row-major.
    pub(crate) values: Vec<f32>,
}

/// Draws around `centre` with deviation 1.
pub(crate) fn drawn(name: &'static str, shape: &[usize], centre: f32) -> Named {
    let seed = name.bytes().fold(17, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
    let bytes = normal_draws(shape.iter().product(), 1.0, seed);
    let (chunks, _) = bytes.as_chunks::<4>();
    let values = chunks.iter().map(|&chunk| f32::from_le_bytes(chunk) + centre).collect();
    Named { name, shape: shape.to_vec(), values }
}

/// A layer under test.
pub(crate) struct Layer<F> {
    /// Tokens, sequence by sequence position: `[S][B]`.
    pub(crate) input_ids: Vec<Vec<i64>>,
    /// What it is differentiated by.
    pub(crate) tensors: Vec<Named>,
    /// Shape of its output.
    pub(crate) output: Vec<usize>,
    /// Emits both passes, given the input ids and the output's gradient; gives each tensor its gradient; returns the
    /// output.
    pub(crate) emit: F,
}

/// A float32 constant in the graph under test.
pub(crate) fn constant(tape: &mut Tape, shape: &[usize], values: &[f32]) -> Value {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tape.graph.weight("given", shape, bytes)
}

/// Gives the tensor `weight` its gradient, as layers do for their parameters and tests for a layer's input.
pub(crate) fn give(tape: &mut Tape, weight: Weight, gradient: Value) {
    tape.give(weight, Gradient::Dense(gradient));
}

impl<F: FnOnce(&mut Tape, &[Weight], Value, Value) -> Value> Layer<F> {
    /// Asserts that the rule's gradients are those of the objective `Σ output · upstream`, for drawn `upstream`.
    pub(crate) fn check(self) {
        let mut prepared = self.prepare(1);
        let analytic = prepared.gradients();
        let numeric = prepared.differences();
        compare(&prepared.tensors, &analytic, &numeric);
    }

    /// The layer on a session of so many threads.
    pub(crate) fn prepare(self, threads: usize) -> Prepared {
        let Self { input_ids, tensors, output: shape, emit } = self;
        let upstream = if shape.is_empty() {
            Named { name: "upstream", shape: Vec::new(), values: vec![1.0] }
        } else {
            drawn("upstream", &shape, 0.0)
        };
        let session = session(graph(&tensors, &shape, emit), threads);
        Prepared { session, input_ids, tensors, upstream }
    }
}

/// A layer ready to run.
pub(crate) struct Prepared {
    session: Session,
    input_ids: Vec<Vec<i64>>,
    tensors: Vec<Named>,
    /// The output's gradient.
    pub(crate) upstream: Named,
}

impl Prepared {
    /// Each tensor's gradient by the rule.
    pub(crate) fn gradients(&mut self) -> Vec<Vec<f32>> {
        let found = run(&mut self.session, &self.input_ids, &self.tensors, &self.upstream);
        self.tensors.iter().map(|tensor| found.tensor(&format!("{}.grad", tensor.name))).collect()
    }

    /// The layer's output.
    pub(crate) fn output(&mut self) -> Vec<f32> {
        run(&mut self.session, &self.input_ids, &self.tensors, &self.upstream).tensor("output")
    }

    fn differences(&mut self) -> Vec<Vec<f32>> {
        let mut moved = self.tensors.clone();
        let mut all = Vec::new();
        for (place, tensor) in self.tensors.iter().enumerate() {
            let mut slopes = Vec::new();
            for (element, &middle) in tensor.values.iter().enumerate() {
                let [above, below] = [middle + STEP, middle - STEP].map(|value| {
                    moved[place].values[element] = value;
                    let output = run(&mut self.session, &self.input_ids, &moved, &self.upstream).tensor("output");
                    output.iter().zip(&self.upstream.values).map(|(&y, &u)| f64::from(y) * f64::from(u)).sum::<f64>()
                });
                moved[place].values[element] = middle;
                let distance = f64::from(middle + STEP) - f64::from(middle - STEP);
                slopes.push(((above - below) / distance) as f32);
            }
            all.push(slopes);
        }
        all
    }
}

fn compare(tensors: &[Named], analytic: &[Vec<f32>], numeric: &[Vec<f32>]) {
    for ((tensor, analytic), numeric) in tensors.iter().zip(analytic).zip(numeric) {
        assert_eq!(analytic.len(), numeric.len(), "{}", tensor.name);
        assert!(analytic.iter().any(|value| value.abs() > 1e-3), "the gradient of {} is zero", tensor.name);
        for (index, (&analytic, &numeric)) in analytic.iter().zip(numeric).enumerate() {
            let (analytic, numeric) = (f64::from(analytic), f64::from(numeric));
            let difference = (analytic - numeric).abs();
            assert!(
                difference <= TOLERANCE * numeric.abs().max(1.0),
                "{}[{index}]: rule {analytic}, difference {numeric}",
                tensor.name
            );
        }
    }
}

/// The forward and backward pass in one graph.
fn graph(tensors: &[Named], shape: &[usize], emit: impl FnOnce(&mut Tape, &[Weight], Value, Value) -> Value) -> Graph {
    let fixed = |shape: &[usize]| shape.iter().map(|&size| Dimension::Fixed(size)).collect::<Vec<_>>();
    let mut graph = Graph::new("check");
    let input_ids = graph.input("input_ids", ElementType::Int64, &[Dimension::Sequence, Dimension::Batch]);
    let upstream = graph.input("upstream", ElementType::Float32, &fixed(shape));
    let mut tape = Tape::new(graph, input_ids);
    let weights: Vec<Weight> = tensors.iter().map(|tensor| tape.parameter(tensor.name, &tensor.shape)).collect();
    let output = emit(&mut tape, &weights, input_ids, upstream);
    tape.graph.output(output, "output", &fixed(shape));
    for (index, tensor) in tensors.iter().enumerate() {
        let parameter = Parameter {
            name: tensor.name.to_owned(),
            shape: tensor.shape.clone(),
            decay: false,
            rate: 1.0,
            stored: Vec::new(),
        };
        let gradient = tape.gradient(index).expect("the rule gives every tensor its gradient");
        let gradient = dense(&mut tape.graph, &parameter, gradient);
        tape.graph.output(gradient, &format!("{}.grad", tensor.name), &fixed(&tensor.shape));
    }
    tape.graph
}

/// A session on the library that `ORT_DYLIB_PATH` names.
fn session(graph: Graph, threads: usize) -> Session {
    let library = std::env::var_os("ORT_DYLIB_PATH")
        .map(PathBuf::from)
        .expect("`ORT_DYLIB_PATH` must name the ONNX Runtime library: run `just test`, which provisions it");
    let runtime = Runtime::load(&library).expect("the library loads");
    let settings = SessionSettings { threads, ..SessionSettings::default() };
    let bytes = graph.encode().expect("the graph is small");
    runtime.session(ModelSource::Bytes(&bytes), &settings).expect("the graph loads")
}

struct Found(Vec<(String, Vec<f32>)>);

impl Found {
    fn tensor(&self, name: &str) -> Vec<f32> {
        let (_, values) = self.0.iter().find(|(known, _)| known == name).expect("the graph has this output");
        values.clone()
    }
}

fn run(session: &mut Session, input_ids: &[Vec<i64>], tensors: &[Named], upstream: &Named) -> Found {
    let floats = |named: &Named| -> (Cow<'static, str>, SessionInputValue<'static>) {
        let tensor = Tensor::from_array((named.shape.clone(), named.values.clone())).expect("shape and values agree");
        (named.name.into(), tensor.into())
    };
    let ids: Vec<i64> = input_ids.concat();
    let ids = Tensor::from_array(([input_ids.len(), input_ids[0].len()], ids)).expect("rows of one length");
    let mut feeds = vec![(Cow::from("input_ids"), ids.into()), floats(upstream)];
    feeds.extend(tensors.iter().map(floats));
    let outputs = session.run(feeds).expect("the graph runs");
    let extract = |(name, value): (&str, clinsynth_runtime::ort::value::ValueRef<'_>)| {
        let (_, values) = value.try_extract_tensor::<f32>().expect("outputs are float32");
        (name.to_owned(), values.to_vec())
    };
    Found(outputs.iter().map(extract).collect())
}
