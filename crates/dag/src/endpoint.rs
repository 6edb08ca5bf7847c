use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::options::bounds_count;

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
    /// Whether the server is in the house, so that restricted text may be sent to it.
    #[serde(default)]
    pub on_premises: bool,
    /// How JSON is asked for.
    #[serde(default)]
    pub json: JsonMode,
    /// Most requests under way at once.
    #[serde(default = "concurrency", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Seconds after which a request counts as failed.
    #[serde(default = "timeout_seconds", deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: u32,
    /// Further attempts after a transient fault of the server or the network.
    #[serde(default = "retries")]
    pub retries: u32,
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
    use super::*;

    fn check(base_url: &str, host: Option<&str>, loopback: bool) {
        assert_eq!(host_of(base_url).as_deref(), host, "{base_url}");
        let endpoint = Endpoint {
            base_url: base_url.to_owned(),
            model: String::new(),
            api_key_env: None,
            on_premises: false,
            json: JsonMode::Auto,
            retries: 0,
            concurrency: 1,
            timeout_seconds: 1,
        };
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
