use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};

use crate::InferenceError;
use crate::batches::Batch;
use crate::folder::ModelFolder;

const INPUT_IDS: &str = "input_ids";
const ATTENTION_MASK: &str = "attention_mask";
const TOKEN_TYPES: &str = "token_type_ids";
const LOGITS: &str = "logits";

/// A token classifier whose inputs and output were checked.
#[derive(Debug)]
pub(crate) struct Classifier {
    session: Session,
    token_types: bool,
    tags: usize,
}

impl Classifier {
    /// Loads the model and checks its names, types and sizes, all at once.
    pub(crate) fn load(runtime: &Runtime, folder: &ModelFolder, threads: usize) -> Result<Self, InferenceError> {
        let settings = SessionSettings { threads, ..SessionSettings::default() };
        let session = runtime.session(ModelSource::File(&folder.model), &settings)?;
        let problems = problems(&session, folder.tags.len());
        if !problems.is_empty() {
            return Err(InferenceError::OtherModel { path: folder.model.clone(), problems });
        }
        let token_types = session.inputs().iter().any(|input| input.name() == TOKEN_TYPES);
        Ok(Self { session, token_types, tags: folder.tags.len() })
    }

    /// Runs a batch: its logits `[sequences, length, tags]`, row-major.
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
        let outputs = self.session.run(inputs)?;
        let (found, logits) = outputs[LOGITS].try_extract_tensor::<f32>()?;
        let expected = [shape[0] as i64, shape[1] as i64, self.tags as i64];
        if **found != expected {
            return Err(ort::Error::new(format!("logits have the shape {found}, expected {expected:?}")));
        }
        Ok(logits.to_vec())
    }
}

fn problems(session: &Session, tags: usize) -> Vec<String> {
    let mut problems = Vec::new();
    for name in [INPUT_IDS, ATTENTION_MASK] {
        if !session.inputs().iter().any(|input| input.name() == name) {
            problems.push(format!("it has no input `{name}`"));
        }
    }
    for input in session.inputs() {
        if ![INPUT_IDS, ATTENTION_MASK, TOKEN_TYPES].contains(&input.name()) {
            problems.push(format!("it wants an input `{}`", input.name()));
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
    match tensor(output) {
        Some((TensorElementType::Float32, [_, _, width])) if [-1, tags as i64].contains(width) => {}
        Some((TensorElementType::Float32, [_, _, width])) => {
            problems.push(format!("its logits are {width} wide, but the labels in `labels.json` make {tags} tags"));
        }
        _ => problems
            .push(format!("its output `{LOGITS}` is {}, expected float32 [batch, sequence, tags]", output.dtype())),
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
