use std::collections::BTreeMap;

use clinsynth_contract::{Example, Quarantined};
use clinsynth_corpora::{Corpus, Discontinuous, ReadSettings, default_label_map, list_concept_pairs, read};
use clinsynth_dag::{DiscontinuousPolicy, ImportOptions};
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
    let discontinuous = match options.discontinuous {
        DiscontinuousPolicy::Cover => Discontinuous::Cover,
        DiscontinuousPolicy::Split => Discontinuous::Split,
        DiscontinuousPolicy::LeaveOut => Discontinuous::LeaveOut,
    };
    let format = options.format.name().parse()?;
    let settings = ReadSettings { format, label_map, discontinuous, source, sensitivity: options.sensitivity };
    let corpus = read(&path, &settings)?;
    for warning in &corpus.warnings {
        tracing::info!("{}: {warning}", path.display());
    }
    let Corpus { mut examples, quarantined, .. } = corpus;
    let left_out = leave_out(&mut examples, options);
    for example in &mut examples {
        example.split = options.split.or(example.split);
        if let Some(pairs) = &options.concept_pairs {
            list_concept_pairs(example, &pairs.between, &pairs.unlisted);
        }
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

/// Removes mentions and relations whose label is mapped to nothing; relations of such mentions go as well.
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
            if dropped(&relation.label) {
                return false;
            }
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

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use clinsynth_corpora::Format;
    use clinsynth_dag::ImportFormat;

    /// The two crates do not know each other; their names for formats must agree.
    #[test]
    fn every_format_of_a_pipeline_is_one_of_the_corpora() {
        let names = Format::ALL.iter().map(|format| format.name()).chain(["auto"]);
        let readable = |name: &&str| !["iob1", "bioes", "conll", "spacy", "parquet"].contains(name);
        for name in names.filter(readable) {
            let format: ImportFormat =
                serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("no format `{name}`"));
            assert_eq!(format.name(), name);
            assert_eq!(Format::from_str(name).map(Format::name).ok(), Some(name));
        }
    }
}
