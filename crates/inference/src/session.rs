use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};

use crate::batches::Batch;
use crate::folder::ModelFolder;
use crate::{InferenceError, InferenceSettings};

const INPUT_IDS: &str = "input_ids";
const ATTENTION_MASK: &str = "attention_mask";
const TOKEN_TYPES: &str = "token_type_ids";
const ENTITY_STARTS: &str = "entity_starts";
const LOGITS: &str = "logits";

/// A classifier of tokens or of sequences whose inputs and output were checked.
#[derive(Debug)]
pub(crate) struct Classifier {
    session: Session,
    token_types: bool,
    entity_starts: bool,
    sequences: bool,
    outputs: usize,
}

impl Classifier {
    /// Loads the model and checks its names, types and sizes, all at once.
    pub(crate) fn load(
        runtime: &Runtime,
        folder: &ModelFolder,
        settings: &InferenceSettings,
    ) -> Result<Self, InferenceError> {
        let InferenceSettings { threads, device, .. } = *settings;
        let settings = SessionSettings { threads, device, ..SessionSettings::default() };
        let session = runtime.session(ModelSource::File(&folder.model), &settings)?;
        let problems = problems(&session, folder);
        if !problems.is_empty() {
            return Err(InferenceError::OtherModel { path: folder.model.clone(), problems });
        }
        let takes = |name: &str| session.inputs().iter().any(|input| input.name() == name);
        let (token_types, entity_starts) = (takes(TOKEN_TYPES), takes(ENTITY_STARTS));
        Ok(Self { session, token_types, entity_starts, sequences: folder.sequences, outputs: folder.outputs() })
    }

    /// Runs a batch: its logits `[sequences, length, tags]` or `[sequences, classes]`, row-major.
    pub(crate) fn run(&mut self, batch: Batch) -> Result<Vec<f32>, InferenceError> {
        let (sequences, length) = (batch.sequences, batch.length);
        self.logits(batch).map_err(|source| InferenceError::Run { sequences, length, source })
    }

    fn logits(&mut self, batch: Batch) -> ort::Result<Vec<f32>> {
        let shape = [batch.sequences, batch.length];
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
            (INPUT_IDS, Tensor::from_array((shape, batch.input_ids))?.into()),
            (ATTENTION_MASK, Tensor::from_array((shape, batch.attention_mask))?.into()),
        ];
        if self.token_types {
            inputs.push((TOKEN_TYPES, Tensor::from_array((shape, vec![0i64; shape[0] * shape[1]]))?.into()));
        }
        if self.entity_starts {
            inputs.push((ENTITY_STARTS, Tensor::from_array(([shape[0], 2], batch.entity_starts))?.into()));
        }
        let outputs = self.session.run(inputs)?;
        let (found, logits) = outputs[LOGITS].try_extract_tensor::<f32>()?;
        let mut expected = vec![shape[0] as i64, shape[1] as i64, self.outputs as i64];
        if self.sequences {
            expected.remove(1);
        }
        if **found != *expected {
            return Err(ort::Error::new(format!("logits have the shape {found}, expected {expected:?}")));
        }
        Ok(logits.to_vec())
    }
}

fn problems(session: &Session, folder: &ModelFolder) -> Vec<String> {
    let mut problems = Vec::new();
    for name in [INPUT_IDS, ATTENTION_MASK] {
        if !session.inputs().iter().any(|input| input.name() == name) {
            problems.push(format!("it has no input `{name}`"));
        }
    }
    for input in session.inputs() {
        let pairs = folder.sequences && input.name() == ENTITY_STARTS;
        if !pairs && ![INPUT_IDS, ATTENTION_MASK, TOKEN_TYPES].contains(&input.name()) {
            problems.push(format!("it wants an input `{}`", input.name()));
        } else if pairs {
            if tensor(input).is_none_or(|(element, shape)| element != TensorElementType::Int64 || shape != [-1, 2]) {
                problems.push(format!("its input `{}` is {}, expected int64 [batch, 2]", input.name(), input.dtype()));
            }
        } else if tensor(input).is_none_or(|(element, shape)| element != TensorElementType::Int64 || shape != [-1, -1])
        {
            problems.push(format!(
                "its input `{}` is {}, expected int64 [batch, sequence]",
                input.name(),
                input.dtype()
            ));
        }
    }
    let Some(output) = session.outputs().iter().find(|output| output.name() == LOGITS) else {
        problems.push(format!("it has no output `{LOGITS}`"));
        return problems;
    };
    let (rank, form, what) =
        if folder.sequences { (2, "[batch, classes]", "classes") } else { (3, "[batch, sequence, tags]", "tags") };
    match tensor(output) {
        Some((TensorElementType::Float32, [first @ .., width])) if first.len() + 1 == rank => {
            let outputs = folder.outputs();
            if ![-1, outputs as i64].contains(width) {
                problems.push(format!(
                    "its logits are {width} wide, but the labels in `labels.json` make {outputs} {what}"
                ));
            }
        }
        _ => problems.push(format!("its output `{LOGITS}` is {}, expected float32 {form}", output.dtype())),
    }
    problems
}

/// Element type and sizes of a tensor, -1 for a size that is free.
fn tensor(outlet: &Outlet) -> Option<(TensorElementType, &[i64])> {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, shape)),
        _ => None,
    }
}
