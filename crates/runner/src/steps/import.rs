use std::collections::BTreeMap;

use clinsynth_contract::{Example, Quarantined};
use clinsynth_corpora::{Corpus, Format, ReadSettings, default_label_map, read};
use clinsynth_dag::{ImportFormat, ImportOptions};
use serde_json::json;

use crate::RunnerError;
use crate::execute::{Context, Made};

/// An annotated corpus becomes examples. What its labels are called here is the label map's to say; a mapping to
/// nothing leaves mentions out, and that is counted.
pub(crate) fn import(context: &mut Context<'_>, options: &ImportOptions) -> Result<Made, RunnerError> {
    let path = context.file("path").unwrap_or(&options.path).to_owned();
    let source = path.file_stem().map_or_else(|| "corpus".into(), |stem| stem.to_string_lossy().into_owned());
    let mut label_map: BTreeMap<String, String> = default_label_map();
    for (from, to) in &options.label_map {
        if let Some(to) = to {
            label_map.insert(from.clone(), to.clone());
        }
    }
    let format = match options.format {
        ImportFormat::Auto => Format::Auto,
        ImportFormat::Pubtator => Format::PubTator,
        ImportFormat::Iob => Format::Iob,
    };
    let settings = ReadSettings { format, label_map, source, sensitivity: options.sensitivity };
    let corpus = read(&path, &settings)?;
    for warning in &corpus.warnings {
        tracing::info!("{}: {warning}", path.display());
    }
    let Corpus { mut examples, quarantined, .. } = corpus;
    let left_out = leave_out(&mut examples, options);
    for example in &mut examples {
        example.split = options.split.or(example.split);
    }
    if examples.is_empty() {
        let what = format!("`{}` holds no text", path.display());
        return Err(RunnerError::Empty { step: context.step.id.clone(), what });
    }
    if left_out > 0 || !quarantined.is_empty() {
        context.note(format!("{left_out} mentions left out by the label map, {} rows set aside", quarantined.len()));
    }
    let outputs = vec![context.write("examples", examples)?, context.write::<Quarantined>("quarantine", quarantined)?];
    Ok(Made { outputs, facts: BTreeMap::from([("mentions left out by the label map".to_owned(), json!(left_out))]) })
}

/// Removes mentions whose label is mapped to nothing; relations that used them go as well.
fn leave_out(examples: &mut [Example], options: &ImportOptions) -> usize {
    let dropped = |label: &str| matches!(options.label_map.get(label), Some(None));
    let mut count = 0;
    for example in examples {
        let before = example.entities.len();
        let mut kept_index = Vec::with_capacity(before);
        let mut kept = Vec::new();
        for entity in std::mem::take(&mut example.entities) {
            let keep = !dropped(&entity.label);
            kept_index.push(keep.then_some(kept.len() as u32));
            if keep {
                kept.push(entity);
            }
        }
        example.entities = kept;
        example.relations.retain_mut(|relation| {
            let index = |at: u32| kept_index.get(at as usize).copied().flatten();
            match (index(relation.head), index(relation.tail)) {
                (Some(head), Some(tail)) => {
                    (relation.head, relation.tail) = (head, tail);
                    true
                }
                _ => false,
            }
        });
        count += before - example.entities.len();
    }
    count
}
