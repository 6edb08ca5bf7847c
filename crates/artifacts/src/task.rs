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

/// What tags are learnt by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TagLoss {
    /// Cross-entropy; with a share `ε` of each target spread evenly over a label's tags and `O`, from 0 (none) to below
    /// 1 (label smoothing, Szegedy et al. 2016).
    CrossEntropy {
        /// `ε`.
        smoothing: f32,
    },
    /// Generalised cross-entropy `(1 - p^q) / q` of the right tag's probability `p`, for labels some of which are wrong:
    /// near the cross-entropy for small `q`, half the mean absolute error for 1, which the wrong ones pull least (Zhang
    /// and Sabuncu 2018, equation 6).
    Generalized {
        /// `q`, above 0 and at most 1.
        exponent: f32,
    },
}

impl Default for TagLoss {
    fn default() -> Self {
        Self::CrossEntropy { smoothing: 0.0 }
    }
}

/// The classification of tokens by the tags of a [`TagSet`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tagging {
    pub(crate) labels: usize,
    /// Tags that each label has of its own.
    pub(crate) own: usize,
    pub(crate) loss: TagLoss,
}

impl Tagging {
    pub(crate) fn of(tags: &TagSet, loss: TagLoss) -> Self {
        Self { labels: tags.labels().len(), own: tags.scheme().tags_per_label(), loss }
    }

    /// One of so many tags, for graphs without a loss.
    pub(crate) fn with_classes(tags: usize) -> Self {
        Self { labels: 1, own: tags.saturating_sub(1), loss: TagLoss::default() }
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
