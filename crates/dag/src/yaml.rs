//! YAML text to a [`Node`].

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{DuplicateKeyPolicy, Location, MessageFormatter, Spanned, UserMessageFormatter};

use crate::node::{Content, Key, Node};
use crate::{Diagnostic, Place};

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
