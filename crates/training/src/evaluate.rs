use std::ops::ControlFlow;

use clinsynth_contract::{Manifest, TagSet};
use clinsynth_runtime::ort;
use clinsynth_runtime::ort::memory::{Allocator, MemoryInfo};
use clinsynth_runtime::ort::session::{IoBinding, Session};
use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};

use crate::artifact::{Artifact, tags};
use crate::batch::{Batch, BatchInputs};
use crate::batching::sorted_batches;
use crate::sample::Sample;
use crate::scores::Counts;
use crate::step::arena;
use crate::weights::Weights;
use crate::{Recipe, TrainingError};

/// Sub-tokens of an evaluation batch, padding included.
const TOKENS: usize = 2048;

/// How the model does on a split.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Evaluation {
    /// Mean cross-entropy over the split's words.
    pub loss: f64,
    /// Strict counts over the words that each window decides on, or over pairs.
    pub counts: Counts,
}

/// The eval graph with the trained parameters bound: it always sees their present values.
pub(crate) struct Evaluator {
    binding: IoBinding,
    arena: Allocator,
    session: Session,
    inputs: BatchInputs,
    /// Logits of a word or a pair.
    classes: usize,
    /// What words are told apart by; none where pairs are.
    tags: Option<TagSet>,
}

impl Evaluator {
    /// Builds the session and binds the parameters.
    ///
    /// Errors: [`TrainingError::Runtime`], [`TrainingError::UnknownInput`], [`TrainingError::UnknownTags`],
    /// [`TrainingError::Compute`].
    pub(crate) fn new(
        runtime: &Runtime,
        artifact: &Artifact,
        recipe: &Recipe,
        weights: &Weights,
    ) -> Result<Self, TrainingError> {
        // Two spinning pools would take each other's cores.
        let settings = SessionSettings { threads: recipe.threads, spinning: false, ..SessionSettings::default() };
        let session = runtime.session(ModelSource::File(&artifact.file(Manifest::EVAL_MODEL)), &settings)?;
        let inputs = BatchInputs::new(&artifact.manifest)?;
        let bind = || {
            let mut binding = session.create_binding()?;
            weights.bind(&artifact.manifest, &mut binding)?;
            Ok((binding, arena(&session)?))
        };
        let (binding, arena) = bind().map_err(TrainingError::compute("bound the eval graph"))?;
        Ok(Self {
            binding,
            arena,
            session,
            inputs,
            classes: artifact.manifest.tags.len(),
            tags: tags(&artifact.manifest)?,
        })
    }

    /// Scores a split; `None` when the observer, called after each batch, breaks.
    ///
    /// Errors: [`TrainingError::Compute`].
    pub(crate) fn evaluate(
        &mut self,
        samples: &[Sample],
        mut observer: impl FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Evaluation>, TrainingError> {
        let lengths: Vec<usize> = samples.iter().map(|sample| sample.ids.len()).collect();
        let (mut loss, mut words, mut counts) = (0.0, 0, Counts::default());
        for indices in sorted_batches(&lengths, TOKENS) {
            let batch = Batch::new(indices.iter().map(|&index| &samples[index]).collect());
            let mean = self.run(&batch, &mut counts).map_err(TrainingError::compute("evaluated the dev split"))?;
            loss += f64::from(mean) * batch.words() as f64;
            words += batch.words();
            if observer().is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Evaluation { loss: loss / words as f64, counts }))
    }

    fn run(&mut self, batch: &Batch<'_>, counts: &mut Counts) -> ort::Result<f32> {
        self.inputs.bind(&mut self.binding, &self.arena, batch)?;
        // Bound anew, or the library would write into the memory of the batch before.
        for output in ["loss", "labelled", "logits"] {
            self.binding.bind_output_to_device(output, &MemoryInfo::default())?;
        }
        let outputs = self.session.run_binding(&self.binding)?;
        let (_, logits) = outputs["logits"].try_extract_tensor::<f32>()?;
        for (row, sample) in batch.samples.iter().enumerate() {
            let Some(tags) = &self.tags else {
                counts.add_class(sample.tags[0], &logits[row * self.classes..(row + 1) * self.classes]);
                continue;
            };
            let at_word = |&position: &u32| {
                let place = position as usize * batch.samples.len() + row;
                &logits[place * self.classes..(place + 1) * self.classes]
            };
            let words: Vec<f32> = sample.positions[sample.owned.clone()].iter().flat_map(at_word).copied().collect();
            counts.add(tags, &sample.tags[sample.owned.clone()], &tags.best_sequence(&words));
        }
        outputs["loss"].try_extract_tensor::<f32>().map(|(_, loss)| loss[0])
    }
}
