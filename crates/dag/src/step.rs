//! The keys of a step beside `with:`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::options::{byte_count, count_or_null, seconds};

/// What a step takes of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Resources {
    /// Processor cores; null for all of the machine's in `train` and `predict`, and one in other steps.
    #[serde(deserialize_with = "count_or_null")]
    #[schemars(range(min = 1))]
    pub cpus: Option<u32>,
    /// Memory, such as `512M` or `2G` (powers of 1024); null when it need not be reserved. Held in bytes.
    #[serde(deserialize_with = "memory")]
    #[schemars(with = "Option<Size>")]
    pub memory: Option<u64>,
    /// GPUs to ask a batch scheduler for; whether a step computes on one is its `device`.
    pub gpus: u32,
    /// Longest time that a batch scheduler grants, such as `90m` or `2h`; null for its own default. Held in seconds.
    #[serde(deserialize_with = "time")]
    #[schemars(with = "Option<Duration>")]
    pub time: Option<u64>,
}

/// How often a failed step is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Retry {
    /// Further attempts after the first.
    pub limit: u32,
    /// Wait before the second attempt, doubled after each, up to a greatest wait: `10s..5m`; or one fixed wait: `10s`.
    #[schemars(with = "Range")]
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self { limit: 0, backoff: Backoff { first_seconds: 10, greatest_seconds: 300 } }
    }
}

/// Waits between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Seconds before the second attempt.
    pub first_seconds: u64,
    /// Most seconds before any attempt.
    pub greatest_seconds: u64,
}

impl Serialize for Backoff {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}s..{}s", self.first_seconds, self.greatest_seconds))
    }
}

impl<'de> Deserialize<'de> for Backoff {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(BackoffVisitor)
    }
}

struct BackoffVisitor;

impl Visitor<'_> for BackoffVisitor {
    type Value = Backoff;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a wait such as `10s` or `10s..5m`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Backoff, E> {
        let (first, greatest) = text.split_once("..").unwrap_or((text, text));
        match (seconds(first), seconds(greatest)) {
            (Some(first_seconds), Some(greatest_seconds)) if first_seconds <= greatest_seconds => {
                Ok(Backoff { first_seconds, greatest_seconds })
            }
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

fn memory<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_option(Amount { read: byte_count, expected: "an amount such as `512M` or `2G`" })
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_option(Amount { read: seconds, expected: "a time such as `90s`, `30m` or `2h`" })
}

/// A number with a unit, or null.
struct Amount {
    read: fn(&str) -> Option<u64>,
    expected: &'static str,
}

impl<'de> Visitor<'de> for Amount {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_none<E: Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<u64>, D::Error> {
        from.deserialize_str(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<u64>, E> {
        (self.read)(text).map(Some).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Text of an amount of memory, for the schema.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct Size(#[schemars(regex(pattern = "^[0-9]+[KMGT]$"))] String);

/// Text of a duration, for the schema.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct Duration(#[schemars(regex(pattern = "^[0-9]+[smhd]$"))] String);

/// Text of a range of durations, for the schema.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct Range(#[schemars(regex(pattern = "^[0-9]+[smhd]([.][.][0-9]+[smhd])?$"))] String);
