use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_dag::{Plan, StepKind};
use clinsynth_provision::{Event, Provision};

use crate::RunnerError;
use crate::key::encoder_of;

/// What this machine has to offer: the ONNX Runtime library and encoders, looked up once.
#[derive(Debug)]
pub struct Machine {
    provision: Provision,
    library: OnceCell<PathBuf>,
    encoders: RefCell<BTreeMap<String, PathBuf>>,
}

impl Machine {
    /// A machine whose missing parts `provision` brings, or refuses to when it has no pip command.
    pub fn new(provision: Provision) -> Self {
        Self { provision, library: OnceCell::new(), encoders: RefCell::default() }
    }

    /// Brings what the steps of a plan need before the first of them starts.
    ///
    /// Errors: those of [`Provision::onnxruntime`] and [`Provision::encoder`].
    pub fn prepare(&self, plan: &Plan, observer: &mut dyn FnMut(Event)) -> Result<(), RunnerError> {
        for step in &plan.steps {
            match &step.kind {
                StepKind::Train(options) => {
                    self.library_with(observer)?;
                    if !step.goes_on() {
                        self.encoder_with(&encoder_of(step, options), observer)?;
                    }
                }
                StepKind::Predict(options) if !options.by_dictionary() => {
                    self.library_with(observer)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Path of the ONNX Runtime library.
    ///
    /// Errors: those of [`Provision::onnxruntime`].
    pub fn onnxruntime(&self) -> Result<&Path, RunnerError> {
        self.library_with(&mut |_| {})
    }

    /// Folder of an encoder.
    ///
    /// Errors: those of [`Provision::encoder`].
    pub fn encoder(&self, name_or_path: &str) -> Result<PathBuf, RunnerError> {
        self.encoder_with(name_or_path, &mut |_| {})
    }

    fn library_with(&self, observer: &mut dyn FnMut(Event)) -> Result<&Path, RunnerError> {
        if let Some(path) = self.library.get() {
            return Ok(path);
        }
        let path = self.provision.onnxruntime(None, observer)?;
        Ok(self.library.get_or_init(|| path))
    }

    fn encoder_with(&self, name: &str, observer: &mut dyn FnMut(Event)) -> Result<PathBuf, RunnerError> {
        if let Some(path) = self.encoders.borrow().get(name) {
            return Ok(path.clone());
        }
        let path = self.provision.encoder(name, observer)?;
        self.encoders.borrow_mut().insert(name.to_owned(), path.clone());
        Ok(path)
    }
}
