//! A YAML document as a tree in which every value and key knows its place.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Location, MessageFormatter, Spanned, UserMessageFormatter};

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
    /// Reads one YAML 1.2 document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
        let node = Self::from_yaml(text).map_err(|error| syntax_error(&error))?;
        match node.content {
            Content::Null => Err(Diagnostic::new(Place::START, "the file is empty")
                .help("a pipeline starts with `version: 1`, `name` and `steps`")),
            _ => Ok(node),
        }
    }

    /// Reads a value given on the command line, if it is YAML.
    pub(crate) fn parse_value(text: &str) -> Option<Self> {
        Self::from_yaml(text).ok()
    }

    fn from_yaml(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            // Doubled keys are all reported, with the place of the first: see `doubled_keys`.
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options)
    }

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

fn not_utf8(bytes: &[u8], valid: usize) -> Diagnostic {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Diagnostic::new(Place { line, column, width: 1 }, "the file is not UTF-8 text").help("save it as UTF-8")
}

fn syntax_error(error: &serde_saphyr::Error) -> Diagnostic {
    let place = error.location().map_or(Place::START, place_of);
    let message = UserMessageFormatter.format_message(error.without_snippet()).into_owned();
    Diagnostic::new(Place { width: 1, ..place }, format!("not valid YAML: {message}"))
}

fn place_of(location: Location) -> Place {
    let at_least_one = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    Place {
        line: at_least_one(location.line()),
        column: at_least_one(location.column()),
        width: at_least_one(location.span().len()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<Content>::deserialize(from)?;
        let place = match value {
            // A mapping or list begins at its first character; it would be all underlined.
            Content::List(_) | Content::Map(_) => Place { width: 1, ..place_of(defined) },
            _ => place_of(defined),
        };
        Ok(Self { content: value, place, origin: None })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Content, E> {
        Number::from_f64(value).map(Content::Number).ok_or_else(|| E::custom("numbers must be finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(Spanned { value, defined, .. }) = entries.next_key::<Spanned<String>>()? {
            map.push((Key { name: value, place: place_of(defined) }, entries.next_value()?));
        }
        Ok(Content::Map(map))
    }
}
