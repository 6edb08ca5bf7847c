//! The crate as its callers use it.
#![allow(clippy::unwrap_used, missing_docs)]

mod litellm;
mod llama;
mod recordings;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clinsynth_contract::{Prompt, Sensitivity};
use clinsynth_prompting::{
    Answers, Backend, Connections, GenerateSettings, Label, Labelling, Parameters, PromptingError, Quotes, Task,
    Template, clear, complete, enumerate, read_seeds,
};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

fn settings(task: Task, model: &str) -> GenerateSettings {
    let labels = |names: &[&str]| names.iter().map(|name| Label::new(*name, format!("what is a {name}"))).collect();
    let labelling = match task {
        Task::Ner => Labelling { task, labels: labels(&["Disease", "Chemical"]), relations: Vec::new() },
        _ => Labelling {
            task,
            labels: labels(&["Gene", "Disease"]),
            relations: labels(&["positive", "negative", "none"]),
        },
    };
    GenerateSettings {
        labelling,
        parameters: Parameters { model: model.to_owned(), ..Parameters::default() },
        quotes: Quotes::default(),
        limit: None,
        sensitivity: Sensitivity::Public,
    }
}

/// The prompts of the shipped template and seeds.
fn shipped_prompts(name: &str, settings: &GenerateSettings) -> Vec<Prompt> {
    let task = settings.labelling.task.name();
    let template = Template::read(&repository(&format!("pipelines/prompts/{task}.md.j2"))).unwrap();
    let seeds = read_seeds(&repository(&format!("pipelines/seeds/{name}.tsv"))).unwrap();
    enumerate(&template, &seeds, settings).unwrap()
}

fn ask(prompts: &[Prompt], backend: &Backend, settings: &GenerateSettings) -> Result<Answers, PromptingError> {
    let folder = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let cache = folder.path().join("requests.sqlite");
    let mut connections = Connections { cache: &cache, cancel: &cancel, observer: &mut |_| {} };
    complete(&clear(prompts.to_vec(), backend)?, backend, settings, &mut connections)
}
