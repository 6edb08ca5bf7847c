use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A label and what it stands for, in the words that a prompt gives to the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The label.
    pub name: String,
    /// Its definition; may be empty.
    pub definition: String,
}

/// Labels in their order; in the file a list of names, or a mapping of names to definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Labels(pub Vec<Label>);

impl Labels {
    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|label| label.name.clone()).collect()
    }

    /// Those of these names, in this order; all for `None`.
    pub(crate) fn only(&self, names: Option<&[String]>) -> Self {
        let kept = |label: &&Label| names.is_none_or(|names| names.contains(&label.name));
        Self(self.0.iter().filter(kept).cloned().collect())
    }

    pub(crate) fn without_definitions(&self) -> Self {
        Self(self.names().into_iter().map(|name| Label { name, definition: String::new() }).collect())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of labels, or a mapping of labels to definitions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Labels, A::Error> {
        let mut labels = Vec::new();
        while let Some(name) = names.next_element()? {
            labels.push(Label { name, definition: String::new() });
        }
        Ok(Labels(labels))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Labels, A::Error> {
        let mut labels = Vec::new();
        while let Some((name, definition)) = entries.next_entry::<String, Option<String>>()? {
            labels.push(Label { name, definition: definition.unwrap_or_default() });
        }
        Ok(Labels(labels))
    }
}

impl JsonSchema for Labels {
    fn schema_name() -> Cow<'static, str> {
        "Labels".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["array", "object"],
            "items": {"type": "string"},
            "additionalProperties": {"type": ["string", "null"]},
        })
    }
}
