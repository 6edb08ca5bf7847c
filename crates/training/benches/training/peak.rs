//! The rate at which this machine multiplies matrices of a step's shapes, as a yardstick.

use std::time::Instant;

use clinsynth_kernels::{Precision, operators};
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};

use crate::median;

/// Rows, depth and columns: the tokens of 16 sequences of 128 through a feed-forward layer.
const SHAPE: [usize; 3] = [2048, 384, 1536];

/// 10⁹ operations a second of the library's float32 product, or of ours in bfloat16.
pub(crate) fn rate(runtime: &Runtime, threads: usize, precision: Precision) -> f64 {
    let [rows, depth, columns] = SHAPE;
    let model = match precision {
        Precision::Fp32 => model("MatMul", ""),
        Precision::Bf16 => model("MatrixProduct", "clinsynth"),
    };
    let settings = SessionSettings { threads, ..SessionSettings::default() };
    let mut session =
        runtime.session_with(ModelSource::Bytes(&model), &settings, operators(precision).unwrap()).unwrap();
    let drawn = |count: usize| (0..count).map(|index| (index % 997) as f32 / 500.0 - 1.0).collect::<Vec<_>>();
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

/// A model of one node, `y = a · b`, as ONNX's protobuf has it (field numbers of `onnx.proto`).
fn model(kind: &str, domain: &str) -> Vec<u8> {
    let [rows, depth, columns] = SHAPE;
    let node = [text(1, "a"), text(1, "b"), text(2, "y"), text(4, kind), text(7, domain)].concat();
    let graph = [
        part(1, &node),
        text(2, "product"),
        part(11, &matrix("a", rows, depth)),
        part(11, &matrix("b", depth, columns)),
        part(12, &matrix("y", rows, columns)),
    ];
    let opset = |domain: &str, version| part(8, &[text(1, domain), number(2, version)].concat());
    [number(1, 10), part(7, &graph.concat()), opset("", 18), opset("clinsynth", 1)].concat()
}

fn matrix(name: &str, rows: usize, columns: usize) -> Vec<u8> {
    let shape = [rows, columns].map(|side| part(1, &number(1, side))).concat();
    let tensor = [number(1, 1), part(2, &shape)].concat();
    [text(1, name), part(2, &part(1, &tensor))].concat()
}

fn text(field: u8, value: &str) -> Vec<u8> {
    part(field, value.as_bytes())
}

fn part(field: u8, content: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2][..], &varint(content.len()), content].concat()
}

fn number(field: u8, value: usize) -> Vec<u8> {
    [&[field << 3][..], &varint(value)].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
