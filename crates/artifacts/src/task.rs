use clinsynth_contract::TagSet;

use crate::encoder::{Encoder, SequenceHead};

/// What stands for a sequence when it is classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Its first token, as in Hugging Face's sequence classifiers of the family.
    FirstToken,
    /// The two places where a pair of entities starts, side by side (Baldini Soares et al. 2019): a further input
    /// `entity_starts`.
    EntityStarts,
}

/// The classification of whole sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// The classes, by id; at least two.
    pub classes: Vec<String>,
    /// What stands for a sequence.
    pub pooling: Pooling,
    /// A weight above 0 for each class in the loss; none for equal weights.
    pub weights: Vec<f32>,
    /// Share of each target that is spread evenly over the classes, from 0 to below 1.
    pub smoothing: f32,
}

/// The classification of tokens by the tags of a [`TagSet`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tagging {
    pub(crate) labels: usize,
    /// Tags that each label has of its own.
    pub(crate) own: usize,
    /// Share of each target that is spread evenly over a label's tags and `O`.
    pub(crate) smoothing: f32,
}

impl Tagging {
    pub(crate) fn of(tags: &TagSet, smoothing: f32) -> Self {
        Self { labels: tags.labels().len(), own: tags.scheme().tags_per_label(), smoothing }
    }

    /// One of so many tags, for graphs without a loss.
    pub(crate) fn with_classes(tags: usize) -> Self {
        Self { labels: 1, own: tags.saturating_sub(1), smoothing: 0.0 }
    }
}

/// What a model is trained for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task<'t> {
    /// A tag for each token.
    Tags(Tagging),
    /// A class for each sequence.
    Sequence(&'t Classification),
}

impl Task<'_> {
    /// Outputs of the head.
    pub(crate) const fn classes(&self) -> usize {
        match self {
            Self::Tags(tagging) => 1 + tagging.labels * tagging.own,
            Self::Sequence(settings) => settings.classes.len(),
        }
    }

    /// The head for sequences, if that is the task.
    pub(crate) const fn sequence_head(&self, encoder: &Encoder) -> Option<SequenceHead> {
        match self {
            Self::Tags(_) => None,
            Self::Sequence(settings) => Some(match settings.pooling {
                Pooling::FirstToken => encoder.family.sequence,
                Pooling::EntityStarts => SequenceHead::STARTS,
            }),
        }
    }

    /// Whether batches say where the entities start.
    pub(crate) const fn takes_starts(&self) -> bool {
        matches!(self, Self::Sequence(Classification { pooling: Pooling::EntityStarts, .. }))
    }

    /// Features of what stands for a sequence.
    pub(crate) const fn width(&self, encoder: &Encoder) -> usize {
        if self.takes_starts() { 2 * encoder.hidden } else { encoder.hidden }
    }
}
