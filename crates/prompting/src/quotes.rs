//! What prompts show beside their seed: a guideline, demonstrations, errors to avoid.

use clinsynth_contract::{CharOffsets, Example, Span};
use minijinja::Value;
use serde_json::json;

use crate::clearance::{ClearedErrors, ClearedExamples};
use crate::draw::Draw;
use crate::{PromptSeed, Task};

/// What every prompt of a step quotes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotes {
    /// Annotation guideline, the template's `guideline`.
    pub guideline: Option<String>,
    /// Examples to show from; each prompt shows others.
    pub demonstrations: ClearedExamples,
    /// Demonstrations in each prompt.
    pub demonstrations_each: usize,
    /// Errors of a model to show from.
    pub errors: ClearedErrors,
    /// Errors in each prompt.
    pub errors_each: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Quotes {
    /// The demonstrations of the prompt with this number, each as `{text, answer}`: the answer is the JSON that the model
    /// should have given. With a relation in the seed only those of that relation, if there are any.
    pub(crate) fn demonstrations(&self, task: Task, seed: &PromptSeed, number: usize) -> Value {
        let all = self.demonstrations.examples();
        let fits = |example: &&Example| {
            let relation = seed.relation.as_deref();
            relation.is_none_or(|wanted| example.relations.iter().any(|relation| relation.label == wanted))
        };
        let mut pool: Vec<&Example> = all.iter().filter(fits).collect();
        if pool.is_empty() {
            pool = all.iter().collect();
        }
        let chosen = self.draw(pool, self.demonstrations_each, 64, number);
        chosen
            .into_iter()
            .filter_map(|example| {
                let answer = answer(example, task)?;
                Some(Value::from_pairs([("text", example.text.clone()), ("answer", answer)]))
            })
            .collect()
    }

    /// The errors of the prompt with this number, each as `{text, kind, gold, predicted}`.
    pub(crate) fn errors(&self, number: usize) -> Value {
        let chosen = self.draw(self.errors.errors().iter().collect(), self.errors_each, 65, number);
        chosen
            .into_iter()
            .map(|error| {
                let quoted = |span: Option<(Span, &str)>| {
                    let (span, label) = span?;
                    let offsets = CharOffsets::new(&error.text);
                    Some(Value::from_pairs([
                        ("text", offsets.slice(span).ok()?.to_owned()),
                        ("label", label.to_owned()),
                    ]))
                };
                let gold = quoted(error.gold.as_ref().map(|gold| (gold.span(), gold.label.as_str())));
                let predicted = quoted(error.predicted.as_ref().map(|found| (found.span(), found.label.as_str())));
                Value::from_pairs([
                    ("text", Value::from(error.text.as_str())),
                    ("kind", Value::from(error.kind.as_str())),
                    ("gold", Value::from(gold)),
                    ("predicted", Value::from(predicted)),
                ])
            })
            .collect()
    }

    fn draw<'p, T>(&self, mut pool: Vec<&'p T>, each: usize, stream: u64, number: usize) -> Vec<&'p T> {
        if each == 0 {
            return Vec::new();
        }
        Draw::new(self.seed ^ stream, number as u64).shuffle(&mut pool);
        pool.truncate(each);
        pool
    }
}

/// The JSON by which a completion would give this example, or `None` when a span lies outside the text, a pair is missing,
/// or the task has no such answer.
pub(crate) fn answer(example: &Example, task: Task) -> Option<String> {
    let offsets = CharOffsets::new(&example.text);
    let entity = |entity: &clinsynth_contract::Entity| {
        Some(json!({ "text": offsets.slice(entity.span()).ok()?, "type": entity.label }))
    };
    let value = match task {
        Task::Ner => {
            let entities: Option<Vec<_>> = example.entities.iter().map(entity).collect();
            json!({ "text": example.text, "entities": entities? })
        }
        Task::Re => {
            let relation = example.relations.first()?;
            let end = |index: u32| entity(example.entities.get(index as usize)?);
            let (head, tail) = (end(relation.head)?, end(relation.tail)?);
            json!({ "text": example.text, "head": head, "tail": tail, "relation": relation.label })
        }
        Task::Extract => {
            let entities: Option<Vec<_>> = example.entities.iter().map(entity).collect();
            json!({ "entities": entities? })
        }
        // Nothing that is known to be right shows what is wrong, and instructions are no examples.
        Task::Verify | Task::Propose => return None,
    };
    Some(value.to_string())
}
