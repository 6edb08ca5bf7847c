use clinsynth_contract::{CharOffsets, Example, Prediction, ScoredSpan, Split};
use clinsynth_curation::Dictionary;
use clinsynth_dag::PredictOptions;
use clinsynth_prompting::read_vocabulary;

use crate::RunnerError;
use crate::execute::Context;

/// What stands in the place of a model's digest.
const MODEL: &str = "dictionary";

/// Names are looked up in the examples' texts: those of vocabularies, and those that other examples label.
pub(crate) fn look_up(
    context: &mut Context<'_>,
    options: &PredictOptions,
    examples: &[Example],
) -> Result<Vec<Prediction>, RunnerError> {
    let mut entries: Vec<(String, String)> = Vec::new();
    for label in options.dictionary.keys() {
        let terms = context.file(&format!("dictionary {label}")).map(read_vocabulary).transpose()?;
        entries.extend(terms.unwrap_or_default().into_iter().map(|term| (term.text, label.clone())));
    }
    let labelled: Vec<Example> = context.rows("dictionary")?;
    entries.extend(labelled.iter().filter(|row| row.split.is_none_or(|split| split == Split::Train)).flat_map(names));
    let dictionary = Dictionary::new(entries.iter().map(|(name, label)| (name.as_str(), label.as_str())));
    if dictionary.is_empty() {
        let what = "its dictionary holds no name".to_owned();
        return Err(RunnerError::Empty { step: context.step.id.clone(), what });
    }
    context.note(format!("{} names in the dictionary", dictionary.len()));
    let prediction = |example: &Example| Prediction {
        example: example.id.clone(),
        document: example.document.clone(),
        spans: dictionary.find(&example.text).iter().map(ScoredSpan::from).collect(),
        model: MODEL.to_owned(),
        sensitivity: example.sensitivity,
        ..Prediction::default()
    };
    Ok(examples.iter().map(prediction).collect())
}

/// The mentions of an example, each with its label.
fn names(example: &Example) -> Vec<(String, String)> {
    let offsets = CharOffsets::new(&example.text);
    let named = example.entities.iter().filter_map(|entity| Some((offsets.slice(entity.span()).ok()?, &entity.label)));
    named.map(|(name, label)| (name.to_owned(), label.clone())).collect()
}
