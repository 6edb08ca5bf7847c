use std::convert::Infallible;

use clinsynth_contract::{Parameter, StoredPart};

use crate::encoder::Encoder;
use crate::task::Task;

/// One thing for each parameter of a token classifier: its description, its tensor in a graph, its gradient.
#[derive(Clone, Debug)]
pub(crate) struct Layout<T> {
    /// Word embedding.
    pub(crate) words: T,
    /// Position embedding.
    pub(crate) positions: T,
    /// Token type embedding, where there is one.
    pub(crate) types: Option<T>,
    /// Layer norm of the embeddings.
    pub(crate) norm: Pair<T>,
    /// From the embedding size to the hidden size, where they differ.
    pub(crate) embedding_projection: Option<Pair<T>>,
    /// The layers, input side first.
    pub(crate) layers: Vec<Layer<T>>,
    /// The linear layer before the classification layer of sequences.
    pub(crate) pooler: Option<Pair<T>>,
    /// Classification layer.
    pub(crate) head: Pair<T>,
}

/// Weight and bias.
#[derive(Clone, Debug)]
pub(crate) struct Pair<T> {
    pub(crate) weight: T,
    pub(crate) bias: T,
}

/// One encoder layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer<T> {
    /// Queries, keys and values merged, `[3H, H]`: one product instead of three.
    pub(crate) qkv: Pair<T>,
    pub(crate) projection: Pair<T>,
    pub(crate) attention_norm: Pair<T>,
    pub(crate) intermediate: Pair<T>,
    pub(crate) output: Pair<T>,
    pub(crate) output_norm: Pair<T>,
}

impl Layout<Parameter> {
    /// The parameters of an encoder with a head for a task.
    pub(crate) fn of(encoder: &Encoder, task: &Task<'_>) -> Self {
        let classes = task.classes();
        let (tensors, hidden) = (&encoder.family.tensors, encoder.hidden);
        let name = |name: &str| format!("{}{name}", encoder.family.prefix);
        let table = |stem: &str, rows| parameter(format!("{}.weight", name(stem)), vec![rows, encoder.embedding], true);
        let types = (encoder.token_types > 0).then(|| table(tensors.types, encoder.token_types));
        let projected = || linear(&name(tensors.embedding_projection), hidden, encoder.embedding);
        let layer = |index| {
            let at = |stem: &str| name(&format!("{}{index}.{stem}", tensors.layer));
            let attention = tensors.attention.map(at);
            Layer {
                qkv: merged(&at(tensors.merged), &attention, hidden),
                projection: linear(&at(tensors.projection), hidden, hidden),
                attention_norm: norm(&at(tensors.attention_norm), hidden),
                intermediate: linear(&at(tensors.intermediate), encoder.intermediate, hidden),
                output: linear(&at(tensors.output), hidden, encoder.intermediate),
                output_norm: norm(&at(tensors.output_norm), hidden),
            }
        };
        Self {
            words: table(tensors.words, encoder.vocabulary),
            positions: table(tensors.positions, encoder.position_rows),
            types,
            norm: norm(&name(tensors.embedding_norm), encoder.embedding),
            embedding_projection: encoder.projects().then(projected),
            layers: (0..encoder.layers).map(layer).collect(),
            pooler: task.sequence_head(encoder).map(|head| linear(head.pooler, hidden, task.width(encoder))),
            head: linear(task.sequence_head(encoder).map_or(encoder.family.head, |head| head.output), classes, hidden),
        }
    }
}

impl Layout<Parameter> {
    /// Sets the factors of the learning rate by depth: 1 for the head, `decay` for the top layer, `decay²` for the next,
    /// and so on down to the embeddings (as in ELECTRA's and `BEiT`'s fine-tuning); 0 for what is frozen.
    pub(crate) fn set_rates(&mut self, rates: &Rates) {
        let layers = self.layers.len();
        let at = |depth: usize| rates.layer_decay.powi((layers + 1 - depth) as i32);
        let embeddings = if rates.freezes_embeddings() { 0.0 } else { at(0) };
        for table in [&mut self.words, &mut self.positions].into_iter().chain(&mut self.types) {
            table.rate = embeddings;
        }
        for pair in std::iter::once(&mut self.norm).chain(&mut self.embedding_projection) {
            pair.set_rate(embeddings);
        }
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let rate = if index < rates.frozen_layers { 0.0 } else { at(index + 1) };
            let Layer { qkv, projection, attention_norm, intermediate, output, output_norm } = layer;
            for pair in [qkv, projection, attention_norm, intermediate, output, output_norm] {
                pair.set_rate(rate);
            }
        }
    }
}

impl Pair<Parameter> {
    fn set_rate(&mut self, rate: f32) {
        self.weight.rate = rate;
        self.bias.rate = rate;
    }
}

/// Which parameters learn how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Factor of the learning rate from each layer to the next lower one; 1 for the same rate everywhere.
    pub layer_decay: f32,
    /// Whether the embeddings, their layer norm and their projection stay as they are.
    pub frozen_embeddings: bool,
    /// Number of layers, from the input side, that stay as they are, and the embeddings with them.
    pub frozen_layers: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self { layer_decay: 1.0, frozen_embeddings: false, frozen_layers: 0 }
    }
}

impl Rates {
    /// Whether the embeddings are frozen, by themselves or under frozen layers.
    pub(crate) fn freezes_embeddings(&self) -> bool {
        self.frozen_embeddings || self.frozen_layers > 0
    }
}

impl<T> Layout<T> {
    /// Another thing for each parameter, made in the order of the manifest, or the first failure.
    pub(crate) fn try_map<U, E>(&self, mut make: impl FnMut(&T) -> Result<U, E>) -> Result<Layout<U>, E> {
        Ok(Layout {
            words: make(&self.words)?,
            positions: make(&self.positions)?,
            types: self.types.as_ref().map(&mut make).transpose()?,
            norm: self.norm.try_map(&mut make)?,
            embedding_projection: self.embedding_projection.as_ref().map(|pair| pair.try_map(&mut make)).transpose()?,
            layers: self.layers.iter().map(|layer| layer.try_map(&mut make)).collect::<Result<_, _>>()?,
            pooler: self.pooler.as_ref().map(|pair| pair.try_map(&mut make)).transpose()?,
            head: self.head.try_map(&mut make)?,
        })
    }

    /// [`Layout::try_map`] for what cannot fail.
    pub(crate) fn map<U>(&self, mut make: impl FnMut(&T) -> U) -> Layout<U> {
        let Ok(made) = self.try_map(|item| Ok::<U, Infallible>(make(item)));
        made
    }

    /// All of them, in the order of the manifest.
    pub(crate) fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        let mut all = Vec::new();
        self.map(|item| all.push(item.clone()));
        all
    }
}

impl<T> Layer<T> {
    fn try_map<U, E>(&self, make: &mut impl FnMut(&T) -> Result<U, E>) -> Result<Layer<U>, E> {
        Ok(Layer {
            qkv: self.qkv.try_map(make)?,
            projection: self.projection.try_map(make)?,
            attention_norm: self.attention_norm.try_map(make)?,
            intermediate: self.intermediate.try_map(make)?,
            output: self.output.try_map(make)?,
            output_norm: self.output_norm.try_map(make)?,
        })
    }
}

impl<T> Pair<T> {
    fn try_map<U, E>(&self, make: &mut impl FnMut(&T) -> Result<U, E>) -> Result<Pair<U>, E> {
        Ok(Pair { weight: make(&self.weight)?, bias: make(&self.bias)? })
    }
}

/// A parameter that the checkpoint stores under the graphs' own name.
fn parameter(name: String, shape: Vec<usize>, decay: bool) -> Parameter {
    let stored = vec![StoredPart { name: name.clone(), shape: shape.clone() }];
    Parameter { name, shape, decay, rate: 1.0, stored }
}

fn linear(stem: &str, outputs: usize, inputs: usize) -> Pair<Parameter> {
    Pair {
        weight: parameter(format!("{stem}.weight"), vec![outputs, inputs], true),
        bias: parameter(format!("{stem}.bias"), vec![outputs], false),
    }
}

fn norm(stem: &str, features: usize) -> Pair<Parameter> {
    Pair {
        weight: parameter(format!("{stem}.weight"), vec![features], false),
        bias: parameter(format!("{stem}.bias"), vec![features], false),
    }
}

fn merged(stem: &str, parts: &[String; 3], hidden: usize) -> Pair<Parameter> {
    let mut pair = linear(stem, 3 * hidden, hidden);
    pair.weight.stored = parts.iter().map(|part| linear(part, hidden, hidden).weight.stored.remove(0)).collect();
    pair.bias.stored = parts.iter().map(|part| linear(part, hidden, hidden).bias.stored.remove(0)).collect();
    pair
}
