//! A YAML document as a tree in which every value and key knows its place.

use serde_json::{Number, Value};

use crate::{Diagnostic, Place};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) place: Place,
    /// Set when the value does not stand at its place itself but comes from an expression or the command line.
    pub(crate) origin: Option<Origin>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) text: String,
    pub(crate) command_line: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl Node {
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.name == key).map(|(_, node)| node)
    }

    /// The node under a path of keys, or the nearest one above it.
    pub(crate) fn nearest(&self, path: &[&str]) -> &Self {
        match path.split_first().and_then(|(key, rest)| Some((self.get(key)?, rest))) {
            Some((node, rest)) => node.nearest(rest),
            None => self,
        }
    }

    /// The item of a list under a key that holds this text, or the nearest node above it.
    pub(crate) fn item(&self, key: &str, text: &str) -> &Self {
        let list = self.nearest(&[key]);
        list.items().iter().rfind(|item| item.text() == Some(text)).unwrap_or(list)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An empty mapping at a place, for what the file leaves out.
    pub(crate) const fn absent(place: Place) -> Self {
        Self { content: Content::Map(Vec::new()), place, origin: None }
    }

    /// The same value, standing at another place.
    pub(crate) fn moved(mut self, place: Place, origin: &Origin) -> Self {
        self.place = place;
        self.origin = Some(origin.clone());
        self.content = match self.content {
            Content::List(items) => Content::List(items.into_iter().map(|item| item.moved(place, origin)).collect()),
            Content::Map(entries) => {
                let move_entry = |(key, node): (Key, Self)| (Key { name: key.name, place }, node.moved(place, origin));
                Content::Map(entries.into_iter().map(move_entry).collect())
            }
            plain => plain,
        };
        self
    }

    /// A diagnostic at this value, with a note when the value comes from elsewhere.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Diagnostic {
        let note = self.origin.as_ref().map(|origin| format!("the value comes from {}", origin.text));
        Diagnostic { note, ..Diagnostic::new(self.place, message) }
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::Number(value.clone()),
            Content::Text(value) => Value::String(value.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }

    /// A problem for every key that stands in one mapping twice.
    pub(crate) fn doubled_keys(&self, problems: &mut Vec<Diagnostic>) {
        for (index, (key, node)) in self.entries().iter().enumerate() {
            if let Some((first, _)) = self.entries()[..index].iter().find(|(other, _)| other.name == key.name) {
                let message = format!("key `{}` stands twice in one mapping", key.name);
                problems.push(
                    Diagnostic::new(key.place, message).help(format!("the first is in line {}", first.place.line)),
                );
            }
            node.doubled_keys(problems);
        }
        self.items().iter().for_each(|item| item.doubled_keys(problems));
    }
}
