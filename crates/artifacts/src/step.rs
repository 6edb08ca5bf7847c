use std::collections::BTreeMap;

use clinsynth_contract::{Dimension, DropoutSite, ElementType, Parameter};

use crate::encoder::{Encoder, Layout};
use crate::graph::{Graph, Value};
use crate::model::{Batch, Classifier, Outcome, batch_specs};
use crate::optimizer::{Scalars, State, clip_factor, dense, global_norm, update};
use crate::tape::{Tape, Weight};
use crate::task::Task;

/// What the three graphs of an artifact folder have in common.
#[derive(Debug)]
pub(crate) struct Blueprint<'a> {
    /// The encoder.
    pub(crate) encoder: &'a Encoder,
    /// Its parameters and the head's.
    pub(crate) parameters: &'a Layout<Parameter>,
    /// Dropout masks of the graphs that train.
    pub(crate) dropout: &'a [DropoutSite],
    /// What is learnt.
    pub(crate) task: Task<'a>,
}

impl Blueprint<'_> {
    /// Forward, loss, backward, clipping and AdamW.
    pub(crate) fn training_graph(&self) -> Graph {
        let mut graph = Graph::new("training_step");
        let batch = declare_batch(&mut graph, &self.task, self.dropout);
        let scalars = Scalars::declare(&mut graph);
        let mut tape = Tape::new(graph, batch.input_ids);
        let weights = self.declare_parameters(&mut tape);
        let parameters = self.parameters.to_vec();
        let trained = |parameter: &Parameter| !parameter.is_frozen();
        let moments: Vec<Option<[Value; 2]>> =
            parameters.iter().map(|p| trained(p).then(|| declare_moments(&mut tape.graph, p))).collect();
        let (outcome, classifier) = Classifier::forward(&mut tape, self.encoder, &weights, &batch, &self.task);
        classifier.backward(&mut tape);
        report_loss(&mut tape.graph, outcome);
        let norm = global_norm(&mut tape, parameters.len());
        tape.graph.output(norm, "gradient_norm", &[]);
        let factor = clip_factor(&mut tape.graph, norm, &scalars);
        for (index, (parameter, weight)) in parameters.iter().zip(weights.to_vec()).enumerate() {
            if let (Some(gradient), Some(moments)) = (tape.gradient(index), moments[index]) {
                let state = State { weight, moments };
                update(&mut tape.graph, parameter, state, gradient, factor, &scalars);
            }
        }
        tape.graph
    }

    /// Forward, loss and backward.
    pub(crate) fn gradient_graph(&self) -> Graph {
        let mut graph = Graph::new("gradients");
        let batch = declare_batch(&mut graph, &self.task, self.dropout);
        let mut tape = Tape::new(graph, batch.input_ids);
        let weights = self.declare_parameters(&mut tape);
        let (outcome, classifier) = Classifier::forward(&mut tape, self.encoder, &weights, &batch, &self.task);
        classifier.backward(&mut tape);
        report_loss(&mut tape.graph, outcome);
        let parameters = self.parameters.to_vec();
        let norm = global_norm(&mut tape, parameters.len());
        tape.graph.output(norm, "gradient_norm", &[]);
        for (index, parameter) in parameters.iter().enumerate() {
            if let Some(gradient) = tape.gradient(index) {
                let value = dense(&mut tape.graph, parameter, gradient);
                tape.graph.output(value, &format!("{}.grad", parameter.name), &fixed(&parameter.shape));
            }
        }
        tape.graph
    }

    /// Forward and loss, without dropout.
    pub(crate) fn eval_graph(&self) -> Graph {
        let mut graph = Graph::new("evaluation");
        let batch = declare_batch(&mut graph, &self.task, &[]);
        let mut tape = Tape::new(graph, batch.input_ids);
        let weights = self.declare_parameters(&mut tape);
        let (outcome, _) = Classifier::forward(&mut tape, self.encoder, &weights, &batch, &self.task);
        report_loss(&mut tape.graph, outcome);
        let classes = self.task.classes();
        let shape = [Dimension::Sequence, Dimension::Batch, Dimension::Fixed(classes)];
        match self.task {
            Task::Tags(_) => {
                let logits = tape.unfold(outcome.logits, &[classes as i64]);
                tape.graph.output(logits, "logits", &shape);
            }
            Task::Sequence(_) => tape.graph.output(outcome.logits, "logits", &shape[1..]),
        }
        tape.graph
    }

    fn declare_parameters(&self, tape: &mut Tape) -> Layout<Weight> {
        self.parameters.map(|parameter| {
            let weight = tape.parameter(&parameter.name, &parameter.shape);
            if parameter.is_frozen() {
                tape.freeze(weight);
            }
            weight
        })
    }
}

/// Declares the batch and the masks; a mask of hidden activations is seen as the matrix that they are.
fn declare_batch(graph: &mut Graph, task: &Task<'_>, dropout: &[DropoutSite]) -> Batch {
    let inputs: Vec<Value> = batch_specs(task).iter().map(|spec| graph.input_of(spec)).collect();
    let (input_ids, attention_bias, labels, starts) = (inputs[0], inputs[1], inputs[2], inputs.get(3).copied());
    let masks: Vec<Value> =
        dropout.iter().map(|site| graph.input(&site.name, ElementType::Float32, &site.shape)).collect();
    graph.enter("dropout");
    let mut by_site = BTreeMap::new();
    for (site, mask) in dropout.iter().zip(masks) {
        let mask = match site.shape[..] {
            [_, _, Dimension::Fixed(hidden)] => graph.reshape(mask, &[-1, hidden as i64]),
            _ => mask,
        };
        by_site.insert(site.name.clone(), mask);
    }
    Batch { input_ids, attention_bias, labels, starts, masks: by_site }
}

fn declare_moments(graph: &mut Graph, parameter: &Parameter) -> [Value; 2] {
    let shape = fixed(&parameter.shape);
    ["m", "v"].map(|moment| graph.input(&format!("{}.{moment}", parameter.name), ElementType::Float32, &shape))
}

fn report_loss(graph: &mut Graph, outcome: Outcome) {
    graph.output(outcome.loss.mean, "loss", &[]);
    graph.output(outcome.loss.labelled, "labelled", &[]);
}

fn fixed(shape: &[usize]) -> Vec<Dimension> {
    shape.iter().map(|&size| Dimension::Fixed(size)).collect()
}
