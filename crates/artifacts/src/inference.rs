use clinsynth_contract::{Dimension, ElementType};

use crate::encoder::{Encoder, Layer, Layout, Pair};
use crate::graph::{Graph, Value, float, int, ints};
use crate::model::STARTS;
use crate::rules::activation::plain;
use crate::rules::embedding::rows;
use crate::task::Task;

/// A weight of the inference graph, float32 little-endian; matrices of linear layers as `[in, out]`.
#[derive(Clone, Debug)]
pub(crate) struct StoredWeight {
    /// Its initializer's name.
    pub(crate) name: String,
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// Its elements.
    pub(crate) bytes: Vec<u8>,
}

/// The plain batch-major graph of a classifier, weights inside: `input_ids` and `attention_mask` int64
/// `[batch, sequence]` to `logits` `[batch, sequence, classes]`; of a sequence classifier, which may take
/// `entity_starts` int64 `[batch, 2]` besides, `[batch, classes]`. The library fuses it better than a hand-fused one.
pub(crate) fn inference_graph(encoder: &Encoder, weights: &Layout<StoredWeight>, task: &Task<'_>) -> Graph {
    let name = if task.sequence_head(encoder).is_some() { "sequence_classification" } else { "token_classification" };
    let mut graph = Graph::new(name);
    let shape = [Dimension::Batch, Dimension::Sequence];
    let input_ids = graph.input("input_ids", ElementType::Int64, &shape);
    let attention_mask = graph.input("attention_mask", ElementType::Int64, &shape);
    let pair = [Dimension::Batch, Dimension::Fixed(2)];
    let starts = task.takes_starts().then(|| graph.input(STARTS, ElementType::Int64, &pair));
    let weights = weights.map(|weight| graph.weight(&weight.name, &weight.shape, weight.bytes.clone()));

    let bias = attention_bias(&mut graph, attention_mask);
    let mut hidden = embed(&mut graph, encoder, &weights, input_ids);
    for (index, layer) in weights.layers.iter().enumerate() {
        graph.enter(format!("layer.{index}"));
        hidden = encode(&mut graph, encoder, layer, hidden, bias);
    }
    graph.enter("classifier");
    let mut output = vec![Dimension::Batch, Dimension::Sequence, Dimension::Fixed(task.classes())];
    if let (Some(head), Some(layer)) = (task.sequence_head(encoder), &weights.pooler) {
        let pooled = pool(&mut graph, hidden, starts, task.width(encoder));
        let wide = linear(&mut graph, layer, pooled);
        hidden = plain(&mut graph, head.activation, wide);
        output.remove(1);
    }
    let logits = linear(&mut graph, &weights.head, hidden);
    graph.output(logits, "logits", &output);
    graph
}

/// What stands for each sequence, `[batch, width]`.
fn pool(graph: &mut Graph, hidden: Value, starts: Option<Value>, width: usize) -> Value {
    let Some(starts) = starts else {
        let first = graph.integer(0);
        return graph.op("Gather", &[hidden, first], &[int("axis", 1)]);
    };
    let last = graph.integers(&[-1]);
    let places = graph.op("Unsqueeze", &[starts, last], &[]);
    let states = graph.op("GatherND", &[hidden, places], &[int("batch_dims", 1)]);
    graph.reshape(states, &[-1, width as i64])
}

/// 0 where the mask is 1, the least float where it is 0, as `[batch, 1, 1, sequence]`.
fn attention_bias(graph: &mut Graph, mask: Value) -> Value {
    graph.enter("attention_bias");
    let axes = graph.integers(&[1, 2]);
    let mask = graph.op("Unsqueeze", &[mask, axes], &[]);
    let mask = graph.op("Cast", &[mask], &[int("to", i64::from(crate::onnx::FLOAT))]);
    let one = graph.number(1.0);
    let hidden = graph.sub(one, mask);
    let least = graph.number(f32::MIN);
    graph.mul(hidden, least)
}

fn embed(graph: &mut Graph, encoder: &Encoder, weights: &Layout<Value>, input_ids: Value) -> Value {
    graph.enter("embeddings");
    let words = graph.op("Gather", &[weights.words, input_ids], &[int("axis", 0)]);
    let length = graph.op("Shape", &[input_ids], &[int("start", 1), int("end", 2)]);
    let positions = rows(graph, weights.positions, encoder.first_position as i64, length);
    let mut sum = words;
    if let Some(types) = weights.types {
        let one = graph.integers(&[1]);
        let types = rows(graph, types, 0, one);
        sum = graph.add(sum, types);
    }
    let sum = graph.add(sum, positions);
    let normed = norm(graph, encoder, &weights.norm, sum);
    match &weights.embedding_projection {
        Some(projection) => linear(graph, projection, normed),
        None => normed,
    }
}

fn encode(graph: &mut Graph, encoder: &Encoder, layer: &Layer<Value>, input: Value, bias: Value) -> Value {
    let context = attend(graph, encoder, layer, input, bias);
    let projected = linear(graph, &layer.projection, context);
    let sum = graph.add(projected, input);
    let attended = norm(graph, encoder, &layer.attention_norm, sum);
    let wide = linear(graph, &layer.intermediate, attended);
    let active = plain(graph, encoder.activation, wide);
    let narrow = linear(graph, &layer.output, active);
    let sum = graph.add(narrow, attended);
    norm(graph, encoder, &layer.output_norm, sum)
}

fn attend(graph: &mut Graph, encoder: &Encoder, layer: &Layer<Value>, input: Value, bias: Value) -> Value {
    let (heads, size) = (encoder.heads as i64, encoder.head_size() as i64);
    let mixed = linear(graph, &layer.qkv, input);
    let parts: [Value; 3] = graph.op_many("Split", &[mixed], &[int("axis", 2), int("num_outputs", 3)]);
    let parts = parts.map(|part| graph.reshape(part, &[0, 0, heads, size]));
    let [query, key, value] = [(0, [0, 2, 1, 3]), (1, [0, 2, 3, 1]), (2, [0, 2, 1, 3])]
        .map(|(part, order)| graph.op("Transpose", &[parts[part]], &[ints("perm", &order)]));
    let scores = graph.matmul(query, key);
    let scale = graph.number(1.0 / (size as f32).sqrt());
    let scores = graph.mul(scores, scale);
    let scores = graph.add(scores, bias);
    let probabilities = graph.op("Softmax", &[scores], &[int("axis", -1)]);
    let context = graph.matmul(probabilities, value);
    let context = graph.op("Transpose", &[context], &[ints("perm", &[0, 2, 1, 3])]);
    graph.reshape(context, &[0, 0, heads * size])
}

fn linear(graph: &mut Graph, layer: &Pair<Value>, input: Value) -> Value {
    let product = graph.matmul(input, layer.weight);
    graph.add(product, layer.bias)
}

fn norm(graph: &mut Graph, encoder: &Encoder, layer: &Pair<Value>, input: Value) -> Value {
    let attributes = [int("axis", -1), float("epsilon", encoder.epsilon)];
    graph.op("LayerNormalization", &[input, layer.weight, layer.bias], &attributes)
}
