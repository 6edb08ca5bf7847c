use crate::encoder::{Encoder, Layout};
use crate::graph::Value;
use crate::model::{Batch, CLASSIFIER_SITE, Outcome, POOLER_SITE};
use crate::rules::activation::Activated;
use crate::rules::classification::Classification;
use crate::rules::dropout::Dropout;
use crate::rules::linear::{Factors, Linear};
use crate::rules::pooling::Pool;
use crate::rules::tagging::Tagging;
use crate::tape::{Tape, Weight};
use crate::task::Task;

/// From the encoder's output to the loss, with what the backward pass needs.
#[derive(Debug)]
pub(crate) struct Head {
    /// Of sequences only.
    pooled: Option<Pooled>,
    dropout: Dropout,
    output: Linear,
    loss: Objective,
}

/// What stands for a sequence, through a linear layer and its activation.
#[derive(Debug)]
struct Pooled {
    pool: Pool,
    dropout: Dropout,
    dense: Linear,
    activation: Activated,
}

#[derive(Debug)]
enum Objective {
    Tagging(Tagging),
    Classification(Classification),
}

impl Head {
    /// From the encoder's output `[T, H]`.
    pub(crate) fn forward(
        tape: &mut Tape,
        encoder: &Encoder,
        weights: &Layout<Weight>,
        batch: &Batch,
        task: &Task<'_>,
        hidden: Value,
    ) -> (Outcome, Self) {
        let mask = batch.masks.get(CLASSIFIER_SITE).copied();
        let (features, pooled, factors) = Pooled::forward(tape, encoder, weights, batch, task, hidden);
        let (dropped, dropout) = Dropout::forward(tape, mask, features);
        let (logits, output) = Linear::forward(tape, weights.head.weight, weights.head.bias, dropped, factors);
        let output = if pooled.is_some() { output.of_sequences() } else { output };
        let (loss, objective) = match task {
            Task::Tags(settings) => {
                let (loss, tagging) = Tagging::forward(tape, logits, batch.labels, settings);
                (loss, Objective::Tagging(tagging))
            }
            Task::Sequence(settings) => {
                let equal = vec![1.0; settings.classes.len()];
                let weights = if settings.weights.is_empty() { &equal } else { &settings.weights };
                let (loss, rule) = Classification::forward(tape, logits, batch.labels, weights, settings.smoothing);
                (loss, Objective::Classification(rule))
            }
        };
        (Outcome { logits, loss }, Self { pooled, dropout, output, loss: objective })
    }

    /// To the gradient of the encoder's output.
    pub(crate) fn backward(self, tape: &mut Tape) -> Value {
        let logits = match self.loss {
            Objective::Tagging(tagging) => tagging.backward(tape),
            Objective::Classification(rule) => rule.backward(tape),
        };
        let dropped = self.output.backward(tape, logits, None);
        let features = self.dropout.backward(tape, dropped);
        match self.pooled {
            Some(pooled) => pooled.backward(tape, features),
            None => features,
        }
    }
}

impl Pooled {
    /// What the classification layer takes, and its factors: for tags the encoder's output itself.
    fn forward(
        tape: &mut Tape,
        encoder: &Encoder,
        weights: &Layout<Weight>,
        batch: &Batch,
        task: &Task<'_>,
        hidden: Value,
    ) -> (Value, Option<Self>, Factors) {
        let (Some(head), Some(layer)) = (task.sequence_head(encoder), &weights.pooler) else {
            return (hidden, None, Factors::ONE);
        };
        let (features, pool) = Pool::forward(tape, batch.input_ids, batch.starts, hidden, encoder.hidden as i64);
        let (dropped, dropout) = Dropout::forward(tape, batch.masks.get(POOLER_SITE).copied(), features);
        let [before, after] = Activated::factors(head.activation);
        let (wide, dense) = Linear::forward(tape, layer.weight, layer.bias, dropped, before);
        let (active, activation) = Activated::forward(tape, head.activation, wide);
        (active, Some(Self { pool, dropout, dense: dense.of_sequences(), activation }), after)
    }

    fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let wide = self.activation.backward(tape, gradient);
        let dropped = self.dense.backward(tape, wide, None);
        let features = self.dropout.backward(tape, dropped);
        self.pool.backward(tape, features)
    }
}
