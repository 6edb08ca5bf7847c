use std::io;
use std::path::PathBuf;

use crate::batch::Batch;
use clinsynth_contract::ContractError;
use clinsynth_runtime::{RuntimeError, ort};

/// Why a training run cannot start, or why it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A field of the recipe lies outside its bounds.
    #[error("recipe: `{field}` is `{value}`, expected {expected}")]
    BadRecipe {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The bounds, in words.
        expected: &'static str,
    },
    /// Bfloat16 was asked for by name.
    #[error("this processor does not multiply bfloat16: `precision: auto` takes float32 here, `fp32` does everywhere")]
    NoBf16,
    /// A split without a labelled word.
    #[error("the {split} split holds no labelled word: check the split's share and what curation dropped")]
    EmptySplit {
        /// `train` or `dev`.
        split: &'static str,
    },
    /// The artifact's tags are of no scheme that a dev score can be read from.
    #[error("the tags {found} of the artifact are neither BIO nor BIOES: build it again")]
    UnknownTags {
        /// Their names, comma-separated.
        found: String,
    },
    /// An example without tags among those to learn from.
    #[error("example `{example}` carries no tags: only labelled examples can be trained on")]
    Unlabelled {
        /// The example.
        example: String,
    },
    /// Columns of one row that do not fit together.
    #[error("example `{example}`: {problem}")]
    BrokenRow {
        /// The example.
        example: String,
        /// What does not fit.
        problem: String,
    },
    /// A tag that the artifact has no output for.
    #[error(
        "example `{example}` has tag id `{tag}`, the artifact knows {known} tags: rebuild it with the data's labels"
    )]
    UnknownTag {
        /// The example.
        example: String,
        /// The tag.
        tag: u32,
        /// Tags of the artifact.
        known: usize,
    },
    /// A sub-token that the encoder has no embedding for.
    #[error(
        "example `{example}` has sub-token id `{token}`, the encoder knows {vocabulary}: encode with its own tokenizer"
    )]
    UnknownToken {
        /// The example.
        example: String,
        /// The sub-token.
        token: u32,
        /// Rows of the word embedding.
        vocabulary: usize,
    },
    /// A window longer than the encoder reads.
    #[error(
        "example `{example}` has a window of {length} sub-tokens, the encoder reads {positions}: encode with shorter windows"
    )]
    TooLong {
        /// The example.
        example: String,
        /// Sub-tokens.
        length: usize,
        /// Longest sequence.
        positions: usize,
    },
    /// The artifact folder is not whole, or of another format.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The graphs need a newer library.
    #[error(
        "the artifact folder needs ONNX Runtime 1.{needed}, the library is 1.{found}: run `clinsynth doctor`, or set `ORT_DYLIB_PATH`"
    )]
    LibraryTooOld {
        /// The library's minor version.
        found: u32,
        /// Least minor version.
        needed: u32,
    },
    /// The graphs ask for an input that this build cannot fill.
    #[error("the artifact's graphs ask for `{name}`, which this build cannot fill: build the artifact folder again")]
    UnknownInput {
        /// The input or scalar.
        name: String,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A weights file that is not one, or lacks tensors of the manifest.
    #[error("`{}` does not hold the artifact's tensors: {problem}", path.display())]
    WrongTensors {
        /// The file.
        path: PathBuf,
        /// The first difference.
        problem: String,
    },
    /// Tensors that cannot be written.
    #[error("cannot write the tensors of `{}`", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The run folder holds the checkpoint of another run.
    #[error(
        "`{}` is the checkpoint of another run: its {} differ{}; use an empty run folder, or delete this one",
        path.display(), differing.join(", "), if differing.len() == 1 { "s" } else { "" }
    )]
    AnotherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What differs: `recipe`, `artifact`, `train data`, `dev data`.
        differing: Vec<&'static str>,
    },
    /// Every checkpoint of the run folder is damaged.
    #[error("no checkpoint in `{}` is whole (`{newest}`: {problem}): delete the folder to train from the start", path.display())]
    AllDamaged {
        /// The folder of checkpoints.
        path: PathBuf,
        /// The newest.
        newest: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The loss left the numbers.
    #[error(
        "step {step} has loss `{loss}` and gradient norm `{gradient_norm}` on examples {}; lower the learning rate or check them; {}",
        quoted(examples),
        checkpoint.as_ref().map_or("no checkpoint was written yet".into(), |path| format!("the last good checkpoint is `{}`", path.display()))
    )]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// The loss.
        loss: f32,
        /// The global gradient norm.
        gradient_norm: f32,
        /// The examples of its batch.
        examples: Vec<String>,
        /// The last checkpoint before it.
        checkpoint: Option<PathBuf>,
    },
    /// The observer asked to stop; the same call goes on from the checkpoint.
    #[error("interrupted after step {step}; the same command goes on from `{}`", checkpoint.display())]
    Interrupted {
        /// Steps done.
        step: u64,
        /// Where they are kept.
        checkpoint: PathBuf,
    },
    /// The library or a session cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A step's batch does not fit into memory.
    #[error(
        "out of memory in a step on a batch of {rows} sequences of {length} sub-tokens: lower `batch-size` (and raise `accumulation` to keep the effective batch) or `max-length`"
    )]
    OutOfMemory {
        /// Sequences of the step's largest batch.
        rows: usize,
        /// Their padded length.
        length: usize,
        /// What ONNX Runtime said.
        #[source]
        source: ort::Error,
    },
    /// ONNX Runtime failed while computing.
    #[error("ONNX Runtime failed while it {action}")]
    Compute {
        /// What it did.
        action: &'static str,
        /// What it said.
        #[source]
        source: ort::Error,
    },
}

impl TrainingError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn compute(action: &'static str) -> impl Fn(ort::Error) -> Self {
        move |source| Self::Compute { action, source }
    }

    /// What went wrong in a step on these batches.
    pub(crate) fn step(batches: &[Batch<'_>], source: ort::Error) -> Self {
        let words = source.message();
        let out_of_memory =
            ["bad_alloc", "Failed to allocate", "out of memory"].iter().any(|sign| words.contains(sign));
        let largest = batches.iter().max_by_key(|batch| batch.samples.len() * batch.length);
        match largest {
            Some(batch) if out_of_memory => {
                Self::OutOfMemory { rows: batch.samples.len(), length: batch.length, source }
            }
            _ => Self::Compute { action: "took a training step", source },
        }
    }
}

/// At most five names in backticks, so that a message stays readable.
fn quoted(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    if names.len() > shown.len() {
        shown.push(format!("{} more", names.len() - shown.len()));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    #[test]
    fn a_batch_that_does_not_fit_is_named() {
        let sample = |tokens: usize| Sample {
            example: String::new(),
            ids: vec![1; tokens],
            positions: vec![1],
            tags: vec![0],
            starts: vec![],
            owned: 0..1,
        };
        let samples = [sample(9), sample(60)];
        let batch = |indices: &[usize]| Batch::new(indices.iter().map(|&index| &samples[index]).collect());
        let batches = [batch(&[0, 0, 0]), batch(&[0, 1])];
        let check = |words: &str, expected: &str| {
            assert_eq!(TrainingError::step(&batches, ort::Error::new(words)).to_string(), expected);
        };
        check(
            "Non-zero status code: std::bad_alloc",
            "out of memory in a step on a batch of 2 sequences of 64 sub-tokens: lower `batch-size` (and raise `accumulation` \
             to keep the effective batch) or `max-length`",
        );
        check("shapes differ", "ONNX Runtime failed while it took a training step");
    }
}
