use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::options::{bounds_count, bounds_optional_zero_or_more, bounds_share, bounds_zero_or_more, count_or_null};

/// An OpenAI-compatible server, declared under `endpoints:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Endpoint {
    /// Address up to and with the version, such as `http://127.0.0.1:8080/v1`.
    #[serde(deserialize_with = "http_address")]
    #[schemars(regex(pattern = "^https?://[^/\\s@?#\\\\]+[^\\s@?#\\\\]*$"))]
    pub base_url: String,
    /// Model to ask for.
    pub model: String,
    /// Environment variable that holds the key; the key itself never stands in the file.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// Header that carries the key as it is, such as Azure's `api-key`; null for `Authorization: Bearer`.
    #[serde(default)]
    pub api_key_header: Option<String>,
    /// Value of the query parameter `api-version`, which Azure needs.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Whether the server is in the house, so that restricted text may be sent to it.
    #[serde(default)]
    pub on_premises: bool,
    /// How JSON is asked for.
    #[serde(default)]
    pub json: JsonMode,
    /// How requests are sent: each for itself, or many at once by the provider's batch API.
    #[serde(default)]
    pub mode: Mode,
    /// Most requests under way at once; halved while the server says that it is too much.
    #[serde(default = "concurrency", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Most requests in a minute, over all processes that share a store; null for no limit.
    #[serde(default, deserialize_with = "count_or_null")]
    #[schemars(range(min = 1))]
    pub requests_per_minute: Option<u32>,
    /// Most tokens in a minute, prompts and `max-tokens` together, over all processes that share a store; null for no limit.
    #[serde(default, deserialize_with = "count_or_null")]
    #[schemars(range(min = 1))]
    pub tokens_per_minute: Option<u32>,
    /// Seconds after which a request counts as failed.
    #[serde(default = "timeout_seconds", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: u32,
    /// Seconds within which a connection must stand.
    #[serde(default = "connect_timeout_seconds", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub connect_timeout_seconds: u32,
    /// Longest pause within a reply, in seconds; null for `timeout-seconds`.
    #[serde(default, deserialize_with = "count_or_null")]
    #[schemars(range(min = 1))]
    pub read_timeout_seconds: Option<u32>,
    /// Further attempts after a transient fault of the server or the network.
    #[serde(default = "retries")]
    pub retries: u32,
    /// Seconds for which a server that answered before may answer nothing until the step is given up.
    #[serde(default = "timeout_seconds", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub patience_seconds: u32,
    /// Seconds between two looks at a batch.
    #[serde(default = "poll_seconds", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub poll_seconds: u32,
    /// The model's `tokenizer.json`, relative to the pipeline file, by which prompts are counted before they are sent,
    /// for the estimate and for what the budget reserves; null for the endpoint's own counts so far, or four bytes a token.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
    /// What tokens cost; nothing is assumed.
    #[serde(default)]
    pub prices: Option<Prices>,
    /// The most that the endpoint may cost, over all runs and processes that share a store.
    #[serde(default)]
    pub budget: Option<Budget>,
}

/// How requests are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Mode {
    /// Each for itself.
    #[default]
    Direct,
    /// By the provider's batch API.
    Batch,
}

/// What tokens cost, as the user looked it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Prices {
    /// Day on which the prices were looked up, such as `2026-11-01`.
    #[serde(deserialize_with = "day")]
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub as_of: String,
    /// Currency of all amounts, such as `USD`.
    pub currency: String,
    /// Price of each model, by the name that is asked for.
    pub models: BTreeMap<String, Price>,
    /// Share of the price that a request of a batch costs, above 0 and at most 1.
    #[serde(default = "whole", deserialize_with = "bounds_share")]
    #[schemars(range(min = 0, max = 1))]
    pub batch_share: f64,
}

/// Price of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Price {
    /// For a million tokens of prompts.
    #[serde(deserialize_with = "bounds_zero_or_more")]
    #[schemars(range(min = 0))]
    pub prompt: f64,
    /// For a million tokens of completions.
    #[serde(deserialize_with = "bounds_zero_or_more")]
    #[schemars(range(min = 0))]
    pub completion: f64,
}

/// The most that an endpoint may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Budget {
    /// Tokens of prompts and completions together; null for no limit.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Money in the currency of `prices`; null for no limit.
    #[serde(default, deserialize_with = "bounds_optional_zero_or_more")]
    #[schemars(range(min = 0))]
    pub money: Option<f64>,
}

/// How an endpoint is asked for JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum JsonMode {
    /// By a schema first, then by what the endpoint turns out to understand.
    #[default]
    Auto,
    /// By the prompt alone.
    PromptOnly,
}

const fn retries() -> u32 {
    5
}

const fn concurrency() -> u32 {
    8
}

const fn timeout_seconds() -> u32 {
    180
}

const fn connect_timeout_seconds() -> u32 {
    10
}

const fn poll_seconds() -> u32 {
    30
}

const fn whole() -> f64 {
    1.0
}

fn day<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_day = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(place, byte)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if is_day { Ok(text) } else { Err(D::Error::invalid_value(Unexpected::Str(&text), &"a day such as `2026-11-01`")) }
}

impl Endpoint {
    /// The host of [`Self::base_url`] in lower case, without port or brackets.
    pub fn host(&self) -> String {
        host_of(&self.base_url).unwrap_or_default()
    }

    /// Whether the host is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether text above `synthetic` may be sent: the endpoint is loopback or declared on-premises.
    pub fn takes_restricted(&self) -> bool {
        self.on_premises || self.is_loopback()
    }
}

fn http_address<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let address = String::deserialize(from)?;
    match host_of(&address) {
        Some(_) => Ok(address),
        None => Err(D::Error::invalid_value(
            Unexpected::Str(&address),
            &"an address such as `https://host/v1`, without user name and query",
        )),
    }
}

/// None unless the address is plain `http(s)://host[:port][/…]`: anything that a URL parser could read as another host
/// (user names, backslashes, white space, control characters), and what no base has (a query), is refused rather than interpreted.
fn host_of(address: &str) -> Option<String> {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"))?;
    if rest.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '\\' | '?' | '#')) {
        return None;
    }
    let authority = rest.split('/').next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port_holds = port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok());
    (port_holds && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn minimal() -> Endpoint {
        serde_json::from_str(r#"{"base-url": "http://x/v1", "model": "m"}"#).unwrap()
    }

    #[test]
    fn prices_are_dated_and_within_bounds() {
        let check = |prices: &str, expected: Result<f64, &str>| {
            let found = serde_json::from_str::<Prices>(prices).map(|prices| prices.batch_share);
            let message = found.as_ref().map_err(ToString::to_string);
            match expected {
                Ok(share) => assert_eq!(message, Ok(&share)),
                Err(words) => assert!(message.unwrap_err().contains(words), "{prices}"),
            }
        };
        let prices = |day: &str, price: &str| {
            format!(
                r#"{{"as-of": "{day}", "currency": "EUR", "models": {{"m": {{"prompt": {price}, "completion": 2}}}}}}"#
            )
        };
        check(&prices("2026-11-01", "0.5"), Ok(1.0));
        check(&prices("1.11.2026", "0.5"), Err("a day such as `2026-11-01`"));
        check(&prices("2026-11-01", "-1"), Err("a number of 0 or more"));
    }

    fn check(base_url: &str, host: Option<&str>, loopback: bool) {
        assert_eq!(host_of(base_url).as_deref(), host, "{base_url}");
        let endpoint = Endpoint { base_url: base_url.to_owned(), ..minimal() };
        assert_eq!(endpoint.takes_restricted(), loopback, "{base_url}");
    }

    #[test]
    fn hosts_are_read_strictly() {
        check("http://127.0.0.1:8080/v1", Some("127.0.0.1"), true);
        check("http://LOCALHOST:1/v1", Some("localhost"), true);
        check("http://[::1]:8080/v1", Some("::1"), true);
        check("https://api.example.com/v1", Some("api.example.com"), false);
        check("https://localhost.example.com/v1", Some("localhost.example.com"), false);
        check("https://127.0.0.1.example.com", Some("127.0.0.1.example.com"), false);
        check("https://example.com?http://localhost/", None, false);
        check("https://localhost@example.com/v1", None, false);
        check("https://example.com\\@localhost/v1", None, false);
        check("http://localhost:http/v1", None, false);
        check("https://", None, false);
        check("ftp://localhost/", None, false);
    }
}
