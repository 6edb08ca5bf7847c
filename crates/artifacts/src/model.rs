use std::collections::BTreeMap;

use clinsynth_contract::{Dimension, DropoutSite, ElementType, TensorSpec};

use crate::encoder::{Encoder, Layer, Layout};
use crate::graph::Value;
use crate::head::Head;
use crate::rules::activation::Activated;
use crate::rules::attention::{Attention, Heads};
use crate::rules::cross_entropy::Loss;
use crate::rules::dropout::Dropout;
use crate::rules::embedding::{Embedding, Tables};
use crate::rules::layer_norm::LayerNorm;
use crate::rules::linear::{Factors, Linear};
use crate::tape::{Tape, Weight};
use crate::task::Task;

/// A batch's tensors on a tape.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `[S, B]`.
    pub(crate) input_ids: Value,
    /// `[B, 1, 1, S]`.
    pub(crate) attention_bias: Value,
    /// `[S, B]`, of sequences `[B]`.
    pub(crate) labels: Value,
    /// `[B, 2]`, where the task takes them.
    pub(crate) starts: Option<Value>,
    /// Dropout masks by site, of the activations' shape.
    pub(crate) masks: BTreeMap<String, Value>,
}

/// The manifest's description of a batch, in the order of the inputs.
pub(crate) fn batch_specs(task: &Task<'_>) -> Vec<TensorSpec> {
    use Dimension::{Batch, Fixed, Sequence};
    let spec =
        |name: &str, element, shape: &[Dimension]| TensorSpec { name: name.to_owned(), element, shape: shape.to_vec() };
    let labels: &[Dimension] = if matches!(task, Task::Tags(_)) { &[Sequence, Batch] } else { &[Batch] };
    let mut specs = vec![
        spec("input_ids", ElementType::Int64, &[Sequence, Batch]),
        spec("attention_bias", ElementType::Float32, &[Batch, Fixed(1), Fixed(1), Sequence]),
        spec("labels", ElementType::Int64, labels),
    ];
    if task.takes_starts() {
        specs.push(spec(STARTS, ElementType::Int64, &[Batch, Fixed(2)]));
    }
    specs
}

/// The batch input of the places where entities start.
pub(crate) const STARTS: &str = "entity_starts";

/// Where `transformers`' classifier drops activations, in its order; sites of rate 0 are left out.
pub(crate) fn dropout_sites(encoder: &Encoder, task: &Task<'_>) -> Vec<DropoutSite> {
    use Dimension::{Batch, Fixed, Sequence};
    let site = |name: String, shape: Vec<Dimension>, rate| DropoutSite { name, shape, rate };
    let wide = |name: String, size, rate| site(name, vec![Sequence, Batch, Fixed(size)], rate);
    let hidden = |name: String, rate| wide(name, encoder.hidden, rate);
    let scores = vec![Batch, Fixed(encoder.heads), Sequence, Sequence];
    let mut sites = vec![wide(EMBEDDING_SITE.to_owned(), encoder.embedding, encoder.hidden_dropout)];
    for layer in 0..encoder.layers {
        let [probabilities, attention, output] = layer_sites(layer);
        sites.push(site(probabilities, scores.clone(), encoder.attention_dropout));
        if encoder.family.drops_attention_output {
            sites.push(hidden(attention, encoder.hidden_dropout));
        }
        sites.push(hidden(output, encoder.hidden_dropout));
    }
    match task.sequence_head(encoder) {
        None => sites.push(hidden(CLASSIFIER_SITE.to_owned(), encoder.classifier_dropout)),
        Some(head) => {
            let rate = if task.takes_starts() { encoder.classifier_dropout } else { encoder.sequence_dropout };
            if head.drops_input {
                sites.push(site(POOLER_SITE.to_owned(), vec![Batch, Fixed(task.width(encoder))], rate));
            }
            sites.push(site(CLASSIFIER_SITE.to_owned(), vec![Batch, Fixed(encoder.hidden)], rate));
        }
    }
    sites.retain(|site| site.rate > 0.0);
    sites
}

const EMBEDDING_SITE: &str = "dropout.embeddings";
/// Before the pooler of sequences.
pub(crate) const POOLER_SITE: &str = "dropout.pooler";
/// Before the classification layer.
pub(crate) const CLASSIFIER_SITE: &str = "dropout.classifier";

/// Attention probabilities, attention output, layer output.
fn layer_sites(layer: usize) -> [String; 3] {
    ["probabilities", "attention", "output"].map(|place| format!("dropout.layer.{layer}.{place}"))
}

/// A forward pass of encoder, head and loss, with what the backward pass needs.
#[derive(Debug)]
pub(crate) struct Classifier {
    embedding: Embedding,
    embedding_norm: LayerNorm,
    embedding_dropout: Dropout,
    embedding_projection: Option<Linear>,
    blocks: Vec<Block>,
    head: Head,
}

/// What a forward pass yields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// `[T, classes]`, of sequences `[B, classes]`.
    pub(crate) logits: Value,
    /// Mean and count.
    pub(crate) loss: Loss,
}

impl Classifier {
    /// From the batch to the loss.
    pub(crate) fn forward(
        tape: &mut Tape,
        encoder: &Encoder,
        weights: &Layout<Weight>,
        batch: &Batch,
        task: &Task<'_>,
    ) -> (Outcome, Self) {
        let mask = |site: &str| batch.masks.get(site).copied();
        tape.graph.enter("embeddings");
        let first_position = encoder.first_position as i64;
        let tables =
            Tables { words: weights.words, positions: weights.positions, types: weights.types, first_position };
        let (sum, embedding) = Embedding::forward(tape, tables, batch.input_ids, encoder.embedding as i64);
        let (normed, embedding_norm) = normalize(tape, encoder, (weights.norm.weight, weights.norm.bias), sum);
        let (mut hidden, embedding_dropout) = Dropout::forward(tape, mask(EMBEDDING_SITE), normed);
        let mut embedding_projection = None;
        if let Some(pair) = &weights.embedding_projection {
            let (projected, linear) = Linear::forward(tape, pair.weight, pair.bias, hidden, Factors::ONE);
            (hidden, embedding_projection) = (projected, Some(linear));
        }

        let mut blocks = Vec::new();
        for (index, layer) in weights.layers.iter().enumerate() {
            tape.graph.enter(format!("layer.{index}"));
            let masks = layer_sites(index).map(|site| mask(&site));
            let (output, block) = Block::forward(tape, encoder, layer, hidden, batch.attention_bias, masks);
            hidden = output;
            blocks.push(block);
        }

        tape.graph.enter("classifier");
        let (outcome, head) = Head::forward(tape, encoder, weights, batch, task, hidden);
        (outcome, Self { embedding, embedding_norm, embedding_dropout, embedding_projection, blocks, head })
    }

    /// From the loss to every parameter's gradient, which the tape then holds.
    pub(crate) fn backward(self, tape: &mut Tape) {
        tape.graph.enter("classifier/backward");
        let mut hidden = self.head.backward(tape);
        for (index, block) in self.blocks.into_iter().enumerate().rev() {
            tape.graph.enter(format!("layer.{index}/backward"));
            hidden = block.backward(tape, hidden);
        }
        tape.graph.enter("embeddings/backward");
        if let Some(projection) = self.embedding_projection {
            hidden = projection.backward(tape, hidden, None);
        }
        let normed = self.embedding_dropout.backward(tape, hidden);
        let sum = self.embedding_norm.backward(tape, normed);
        self.embedding.backward(tape, sum);
    }
}

/// One encoder layer: attention and feed-forward part, each with dropout, residual and layer norm behind it.
#[derive(Debug)]
struct Block {
    qkv: Linear,
    attention: Attention,
    projection: Linear,
    attention_dropout: Dropout,
    attention_norm: LayerNorm,
    intermediate: Linear,
    activation: Activated,
    output: Linear,
    output_dropout: Dropout,
    output_norm: LayerNorm,
}

impl Block {
    fn forward(
        tape: &mut Tape,
        encoder: &Encoder,
        layer: &Layer<Weight>,
        input: Value,
        bias: Value,
        [probabilities, attended, last]: [Option<Value>; 3],
    ) -> (Value, Self) {
        let heads = Heads { count: encoder.heads as i64, size: encoder.head_size() as i64 };
        let (mixed, qkv) = Linear::forward(tape, layer.qkv.weight, layer.qkv.bias, input, Factors::ONE);
        let (context, attention) = Attention::forward(tape, heads, mixed, bias, probabilities);
        let (projected, projection) =
            Linear::forward(tape, layer.projection.weight, layer.projection.bias, context, Factors::ONE);
        let (dropped, attention_dropout) = Dropout::forward(tape, attended, projected);
        let sum = tape.graph.add(input, dropped);
        let norm = (layer.attention_norm.weight, layer.attention_norm.bias);
        let (normed, attention_norm) = normalize(tape, encoder, norm, sum);

        let [before, after] = Activated::factors(encoder.activation);
        let (wide, intermediate) =
            Linear::forward(tape, layer.intermediate.weight, layer.intermediate.bias, normed, before);
        let (active, activation) = Activated::forward(tape, encoder.activation, wide);
        let (narrow, output) = Linear::forward(tape, layer.output.weight, layer.output.bias, active, after);
        let (dropped, output_dropout) = Dropout::forward(tape, last, narrow);
        let sum = tape.graph.add(normed, dropped);
        let (result, output_norm) = normalize(tape, encoder, (layer.output_norm.weight, layer.output_norm.bias), sum);
        let saved = Self {
            qkv,
            attention,
            projection,
            attention_dropout,
            attention_norm,
            intermediate,
            activation,
            output,
            output_dropout,
            output_norm,
        };
        (result, saved)
    }

    fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let sum = self.output_norm.backward(tape, gradient);
        let narrow = self.output_dropout.backward(tape, sum);
        let active = self.output.backward(tape, narrow, None);
        let wide = self.activation.backward(tape, active);
        let normed = self.intermediate.backward(tape, wide, Some(sum));

        let sum = self.attention_norm.backward(tape, normed);
        let projected = self.attention_dropout.backward(tape, sum);
        let context = self.projection.backward(tape, projected, None);
        let mixed = self.attention.backward(tape, context);
        self.qkv.backward(tape, mixed, Some(sum))
    }
}

fn normalize(tape: &mut Tape, encoder: &Encoder, norm: (Weight, Weight), input: Value) -> (Value, LayerNorm) {
    LayerNorm::forward(tape, norm.0, norm.1, input, encoder.epsilon)
}
