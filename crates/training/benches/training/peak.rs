//! The rate at which this machine multiplies matrices of a step's shapes, as a yardstick.

use std::time::Instant;

use clinsynth_kernels::{Precision, operators};
use clinsynth_runtime::ort::editor::{Graph, Model, Node, ONNX_DOMAIN, Opset};
use clinsynth_runtime::ort::value::{Outlet, Shape, SymbolicDimensions, Tensor, TensorElementType, ValueType};
use clinsynth_runtime::{Runtime, SessionSettings};

use crate::median;

/// Rows, depth and columns: the tokens of 16 sequences of 128 through a feed-forward layer.
const SHAPE: [i64; 3] = [2048, 384, 1536];

/// 10⁹ operations a second of the library's float32 product, or of ours in bfloat16.
pub(crate) fn rate(runtime: &Runtime, threads: usize, precision: Precision) -> f64 {
    let [rows, depth, columns] = SHAPE;
    let tensor = |shape: [i64; 2]| ValueType::Tensor {
        ty: TensorElementType::Float32,
        shape: Shape::new(shape),
        dimension_symbols: SymbolicDimensions::empty(2),
    };
    let mut graph = Graph::new().unwrap();
    let inputs = [Outlet::new("a", tensor([rows, depth])), Outlet::new("b", tensor([depth, columns]))];
    graph.set_inputs(inputs).unwrap();
    graph.set_outputs([Outlet::new("y", tensor([rows, columns]))]).unwrap();
    let (kind, domain) = match precision {
        Precision::Fp32 => ("MatMul", ONNX_DOMAIN),
        Precision::Bf16 => ("MatrixProduct", "clinsynth"),
    };
    graph.add_node(Node::new(kind, domain, "product", ["a", "b"], ["y"], []).unwrap()).unwrap();
    let mut model = Model::new([Opset::new(ONNX_DOMAIN, 18).unwrap(), Opset::new("clinsynth", 1).unwrap()]).unwrap();
    model.set_graph(graph).unwrap();
    let settings = SessionSettings { threads, ..SessionSettings::default() };
    let builder = runtime.session_builder(&settings).unwrap().with_operators(operators(precision).unwrap()).unwrap();
    let mut session = model.into_session(&builder).unwrap();
    let drawn = |count: i64| (0..count).map(|index| (index % 997) as f32 / 500.0 - 1.0).collect::<Vec<_>>();
    let a = Tensor::from_array(([rows, depth], drawn(rows * depth))).unwrap();
    let b = Tensor::from_array(([depth, columns], drawn(depth * columns))).unwrap();
    let mut times = Vec::new();
    for _ in 0..30 {
        let began = Instant::now();
        session.run(clinsynth_runtime::ort::inputs!["a" => &a, "b" => &b]).unwrap();
        times.push(began.elapsed().as_secs_f64());
    }
    2.0 * SHAPE.iter().map(|&side| side as f64).product::<f64>() / median(&times) / 1e9
}
