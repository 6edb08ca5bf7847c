use std::borrow::Cow;

use clinsynth_contract::{Encoding, Manifest};

use crate::artifact::{Artifact, tags};
use crate::batching::{epoch_batches, token_budget};
use crate::replacement::Replacement;
use crate::sample::{self, Sample};
use crate::state::Fingerprint;
use crate::{Recipe, TrainingError};

/// Both splits, and what batches are made of.
pub(crate) struct Data {
    pub train: Vec<Sample>,
    pub dev: Vec<Sample>,
    lengths: Vec<usize>,
    /// Of mentions, where words are tagged.
    replacement: Option<Replacement>,
    budget: usize,
}

impl Data {
    /// Checks both splits against what the artifact was built for.
    ///
    /// Errors: [`TrainingError::EmptySplit`], [`TrainingError::UnknownTags`] and those that name an example.
    pub(crate) fn new(
        train: &[Encoding],
        dev: &[Encoding],
        recipe: &Recipe,
        manifest: &Manifest,
    ) -> Result<Self, TrainingError> {
        let pairs = manifest.classifies_sequences();
        if pairs && recipe.mention_replacement > 0.0 {
            let (field, value) = ("mention_replacement", recipe.mention_replacement.to_string());
            return Err(TrainingError::BadRecipe { field, value, expected: "0 where whole sequences are classified" });
        }
        let samples = |rows, split| sample::samples(rows, split, &manifest.encoder, manifest.tags.len(), pairs);
        let (train, dev) = (samples(train, "train")?, samples(dev, "dev")?);
        let lengths: Vec<usize> = train.iter().map(|sample| sample.ids.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let replacement =
            tags(manifest)?.map(|tags| Replacement::new(&train, tags, recipe.mention_replacement, longest));
        let budget = token_budget(&train, recipe.batch_sequences);
        Ok(Self { train, dev, lengths, replacement, budget })
    }

    /// What decides the result of a run on this data.
    pub(crate) fn fingerprint(&self, recipe: &Recipe, artifact: &Artifact) -> Fingerprint {
        Fingerprint {
            recipe: recipe.digest(),
            artifact: artifact.digest.clone(),
            train: sample::digest(&self.train),
            dev: sample::digest(&self.dev),
        }
    }

    /// The sample of the train split at `index` as a step sees it.
    pub(crate) fn seen(&self, index: usize, seed: u64, step: u64) -> Cow<'_, Sample> {
        match &self.replacement {
            Some(replacement) => replacement.apply(&self.train, index, seed, step),
            None => Cow::Borrowed(&self.train[index]),
        }
    }

    /// The steps of an epoch, counted from 0, each of one batch or, with accumulation, several.
    pub(crate) fn epoch(&self, recipe: &Recipe, epoch: u32) -> Vec<Vec<Vec<usize>>> {
        let batches = epoch_batches(&self.lengths, recipe.batch_sequences, self.budget, recipe.seed, epoch);
        batches.chunks(recipe.accumulation as usize).map(<[_]>::to_vec).collect()
    }

    /// Steps of all epochs together; epochs differ by a few, as their batches are cut anew.
    pub(crate) fn steps(&self, recipe: &Recipe) -> u64 {
        (0..recipe.epochs).map(|epoch| self.epoch(recipe, epoch).len() as u64).sum()
    }
}
