use std::str::FromStr;

use clinsynth_contract::TagSet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::PromptingError;

/// What the language model is asked to label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Mentions in a sentence (named-entity recognition).
    #[default]
    Ner,
    /// The relation of a marked pair of mentions in a sentence (relation extraction).
    Re,
    /// Labels of a given text: its mentions, or with relations in the label set the relation of each given pair.
    Extract,
    /// Whether the labels of a given text are right: its mentions, or with relations in the label set its pairs.
    Verify,
    /// Instructions to write examples by.
    Propose,
}

impl Task {
    /// The name in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ner => "ner",
            Self::Re => "re",
            Self::Extract => "extract",
            Self::Verify => "verify",
            Self::Propose => "propose",
        }
    }

    /// Whether a completion belongs to the very text of its prompt.
    pub(crate) const fn is_about_given(self) -> bool {
        matches!(self, Self::Extract | Self::Verify)
    }
}

impl FromStr for Task {
    type Err = PromptingError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "ner" => Ok(Self::Ner),
            "re" => Ok(Self::Re),
            _ => Err(PromptingError::Settings { key: "task", problem: format!("is `{name}`: expected `ner` or `re`") }),
        }
    }
}

/// A label and what it stands for, in the words that the prompt gives to the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label.
    pub name: String,
    /// Its definition; may be empty.
    #[serde(default)]
    pub definition: String,
}

impl Label {
    /// A label with its definition.
    pub fn new(name: impl Into<String>, definition: impl Into<String>) -> Self {
        Self { name: name.into(), definition: definition.into() }
    }
}

/// A task with the user's own labels: what prompts ask for and completions are checked against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelling {
    /// The task.
    pub task: Task,
    /// Labels of mentions. For [`Task::Re`] the first is the usual head's, the last the usual tail's.
    pub labels: Vec<Label>,
    /// Labels of pairs; not for [`Task::Ner`].
    pub relations: Vec<Label>,
}

impl Labelling {
    /// Checks that labels and relations can form tag sets and that the task has what it needs.
    pub fn validate(&self) -> Result<(), PromptingError> {
        TagSet::new(names(&self.labels))?;
        match (self.task, self.relations.is_empty()) {
            (Task::Ner, false) => Err(PromptingError::Settings {
                key: "relations",
                problem: "is set, but task `ner` labels mentions only".to_owned(),
            }),
            (Task::Re, true) => {
                Err(PromptingError::Settings { key: "relations", problem: "is empty: task `re` needs it".to_owned() })
            }
            (_, true) => Ok(()),
            (_, false) => Ok(TagSet::new(names(&self.relations)).map(|_| ())?),
        }
    }

    /// JSON Schema of the answer that prompts ask for, in the dialect of OpenAI's strict mode (every property required,
    /// none further) with the lengths that grammar-constrained servers need to come to an end.
    pub fn answer_schema(&self, count: u32) -> Value {
        let entity = object(&json!({ "text": string(200), "type": choice(&self.labels) }));
        let verdict = |key: &str, value: Value| {
            let item = object(&json!({ "number": { "type": "integer" }, key: value }));
            object(&json!({ "verdicts": { "type": "array", "items": item, "minItems": 1, "maxItems": 64 } }))
        };
        let example = match self.task {
            Task::Extract if self.relations.is_empty() => {
                return object(&json!({ "entities": { "type": "array", "items": entity, "maxItems": 64 } }));
            }
            Task::Extract => return verdict("relation", choice(&self.relations)),
            Task::Verify => return verdict("right", json!({ "type": "boolean" })),
            Task::Propose => {
                let prompts =
                    json!({ "type": "array", "items": string(4000), "minItems": 1, "maxItems": count.max(1) });
                return object(&json!({ "prompts": prompts }));
            }
            Task::Ner => object(&json!({
                "text": string(1000),
                "entities": { "type": "array", "items": entity, "maxItems": 16 },
            })),
            Task::Re => object(&json!({
                "text": string(1000),
                "head": entity,
                "tail": entity,
                "relation": choice(&self.relations),
            })),
        };
        let examples = json!({ "type": "array", "items": example, "minItems": 1, "maxItems": count.max(1) });
        object(&json!({ "examples": examples }))
    }
}

fn names(labels: &[Label]) -> impl Iterator<Item = &str> {
    labels.iter().map(|label| label.name.as_str())
}

fn object(properties: &Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(|map| map.keys()).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn string(longest: u32) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": longest })
}

fn choice(labels: &[Label]) -> Value {
    json!({ "type": "string", "enum": names(labels).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn labelling(task: Task, relations: &[&str]) -> Labelling {
        let labels = |names: &[&str]| names.iter().map(|name| Label::new(*name, "")).collect();
        Labelling { task, labels: labels(&["Gene", "Disease"]), relations: labels(relations) }
    }

    #[test]
    fn checks_relations_against_the_task() {
        let message = |labelling: Labelling| labelling.validate().map_err(|error| error.to_string());
        assert_eq!(message(labelling(Task::Ner, &[])), Ok(()));
        assert_eq!(message(labelling(Task::Re, &["positive", "none"])), Ok(()));
        assert_eq!(message(labelling(Task::Re, &[])).unwrap_err(), "`relations` is empty: task `re` needs it");
        assert_eq!(message(labelling(Task::Re, &["a", "a"])).unwrap_err(), "label `a` stands twice in the label set");
    }

    #[test]
    fn schema_requires_every_property_and_allows_no_other() {
        let schema = labelling(Task::Re, &["positive"]).answer_schema(12);
        let example = schema.pointer("/properties/examples/items").unwrap();
        assert_eq!(example["required"], json!(["text", "head", "tail", "relation"]));
        assert_eq!(example["additionalProperties"], json!(false));
        assert_eq!(example.pointer("/properties/relation/enum").unwrap(), &json!(["positive"]));
        assert_eq!(schema.pointer("/properties/examples/maxItems").unwrap(), &json!(12));
    }
}
