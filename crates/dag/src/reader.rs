//! Typed reading of a [`Node`]: serde over the tree, with every complaint at its place and in our words.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::diagnostic::nearest;
use crate::node::{Content, Key, Node};
use crate::{Diagnostic, Place};

/// Reads a value of the type out of a node. `path` names the node in messages, such as `steps.train.with`.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, path: &str) -> Result<T, Vec<Diagnostic>> {
    T::deserialize(Reader(node)).map_err(|faults| faults.diagnostics(path, node))
}

/// The keys of a mapping that the type does not know; values are not looked at.
pub(crate) fn unknown_keys<T: DeserializeOwned>(node: &Node, path: &str) -> Vec<Diagnostic> {
    let faults = T::deserialize(Reader(node)).err().map(|faults| faults.0).unwrap_or_default();
    Faults(faults.into_iter().filter(|fault| fault.unknown_key).collect()).diagnostics(path, node)
}

/// What is wrong, innermost first; a reader further out adds place and path where they are still open.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    /// Keys and indices from the inside out.
    path: Vec<String>,
    at: Option<(Place, Option<String>)>,
    /// The sentence, in which `{}` is the path.
    sentence: String,
    help: Option<String>,
    unknown_key: bool,
}

impl Faults {
    fn one(sentence: String) -> Self {
        Self(vec![Fault { path: Vec::new(), at: None, sentence, help: None, unknown_key: false }])
    }

    fn within(mut self, key: &str) -> Self {
        self.0.iter_mut().for_each(|fault| fault.path.push(key.to_owned()));
        self
    }

    fn at(mut self, node: &Node) -> Self {
        for fault in &mut self.0 {
            fault.at.get_or_insert_with(|| (node.place, node.problem("").note));
        }
        self
    }

    fn diagnostics(self, path: &str, node: &Node) -> Vec<Diagnostic> {
        let full = |fault: &Fault| {
            let mut keys = vec![path];
            keys.extend(fault.path.iter().rev().map(String::as_str));
            keys.retain(|key| !key.is_empty());
            if keys.is_empty() { "the file".to_owned() } else { format!("`{}`", keys.join(".")) }
        };
        let diagnostic = |fault: Fault| {
            let message = fault.sentence.replacen("{}", &full(&fault), 1);
            let (place, note) = fault.at.unwrap_or((node.place, None));
            Diagnostic { message, place, note, help: fault.help }
        };
        self.0.into_iter().map(diagnostic).collect()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| f.write_str(&fault.sentence))
    }
}

impl std::error::Error for Faults {}

impl de::Error for Faults {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::one(format!("{{}}: {message}"))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::one(format!("{{}} is {}, but must be {}", found_words(found), expected_words(found, expected)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut faults = Self::one(format!("{{}} is `{variant}`, but must be one of {}", expected.join(", ")));
        faults.0[0].help = nearest(variant, expected.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        faults
    }

    fn missing_field(field: &'static str) -> Self {
        Self::one(format!("{{}} lacks `{field}`"))
    }
}

fn found_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(text) => format!("the text `{text}`"),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        other => other.to_string(),
    }
}

fn expected_words(found: Unexpected<'_>, expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "u32" if matches!(found, Unexpected::Unsigned(_)) => format!("a whole number from 0 to {}", u32::MAX),
        "u32" | "u64" | "usize" => "a whole number of 0 or more".to_owned(),
        "f64" => "a number".to_owned(),
        "a string" | "path string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        _ => words,
    }
}

#[derive(Clone, Copy)]
struct Reader<'n>(&'n Node);

impl Reader<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match &self.0.content {
            Content::Null => Unexpected::Unit,
            Content::Bool(value) => Unexpected::Bool(*value),
            Content::Number(value) => match (value.as_u64(), value.as_i64()) {
                (Some(value), _) => Unexpected::Unsigned(value),
                (None, Some(value)) => Unexpected::Signed(value),
                (None, None) => Unexpected::Float(value.as_f64().unwrap_or_default()),
            },
            Content::Text(value) => Unexpected::Str(value),
            Content::List(_) => Unexpected::Seq,
            Content::Map(_) => Unexpected::Map,
        }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Faults;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Faults> {
        let read = match &self.0.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Number(_) => match self.unexpected() {
                Unexpected::Unsigned(value) => visitor.visit_u64(value),
                Unexpected::Signed(value) => visitor.visit_i64(value),
                Unexpected::Float(value) => visitor.visit_f64(value),
                _ => unreachable!("a number is one of the three"),
            },
            Content::Text(value) => visitor.visit_str(value),
            Content::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Content::Map(entries) => visitor.visit_map(Entries::of(entries.iter().collect())),
        };
        read.map_err(|faults| faults.at(self.0))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Faults> {
        match self.0.content {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Faults> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Faults> {
        let Some(name) = self.0.text() else {
            let expected = format!("one of {}", variants.join(", "));
            return Err(<Faults as de::Error>::invalid_type(self.unexpected(), &expected.as_str()).at(self.0));
        };
        let variant: StrDeserializer<'_, Faults> = name.into_deserializer();
        visitor.visit_enum(variant).map_err(|faults| faults.at(self.0))
    }

    /// Reports every unknown key, besides the first wrong value.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Faults> {
        let Content::Map(entries) = &self.0.content else {
            // A derived visitor would take a list as the fields in their order.
            return Err(<Faults as de::Error>::invalid_type(self.unexpected(), &"a mapping").at(self.0));
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            entries.iter().partition(|(key, _)| fields.contains(&key.name.as_str()));
        let mut faults: Vec<_> = unknown.iter().map(|(key, node)| unknown_key(key, node, fields)).collect();
        match visitor.visit_map(Entries::of(known)).map_err(|faults| faults.at(self.0)) {
            Ok(value) if faults.is_empty() => Ok(value),
            Ok(_) => Err(Faults(faults)),
            Err(others) => {
                faults.extend(others.0);
                Err(Faults(faults))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn unknown_key(key: &Key, node: &Node, fields: &[&str]) -> Fault {
    let help = match nearest(&key.name, fields.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known keys: {}", fields.join(", ")),
    };
    Fault {
        path: Vec::new(),
        // A key that an override added has no place of its own: only then is the value's origin the key's.
        at: Some((key.place, node.problem("").note.filter(|_| node.place == key.place))),
        sentence: format!("unknown key `{}` in {{}}", key.name),
        help: Some(help),
        unknown_key: true,
    }
}

struct Items<'n> {
    items: &'n [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Faults;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Faults> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        self.next += 1;
        // The place points at the item, so the path need not number it.
        seed.deserialize(Reader(item)).map(Some).map_err(|faults| faults.at(item))
    }
}

struct Entries<'n> {
    entries: Vec<&'n (Key, Node)>,
    next: usize,
}

impl<'n> Entries<'n> {
    const fn of(entries: Vec<&'n (Key, Node)>) -> Self {
        Self { entries, next: 0 }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Faults;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Faults> {
        let Some((key, _)) = self.entries.get(self.next) else { return Ok(None) };
        let name: StrDeserializer<'_, Faults> = key.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Faults> {
        let (key, node) = self.entries[self.next];
        self.next += 1;
        // Bounds are checked outside the reader of the value itself.
        seed.deserialize(Reader(node)).map_err(|faults| faults.at(node).within(&key.name))
    }
}
