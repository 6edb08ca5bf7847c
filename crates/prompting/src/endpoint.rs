use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clinsynth_contract::Sensitivity;
use reqwest::Url;

use crate::cache::answers::fingerprint;
use crate::cache::attempts::Charge;
use crate::price::money;
use crate::{Budget, CountTokens, Prices, PromptingError};

/// A secret that never shows itself: `Debug` prints `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key itself, for the header that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Text with every occurrence of the key blotted out.
    pub(crate) fn blot(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "ApiKey(none)" } else { "ApiKey(***)" })
    }
}

/// How an endpoint is asked for JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonMode {
    /// `json_schema` first, then what the endpoint turns out to understand.
    #[default]
    Auto,
    /// By the prompt alone.
    PromptOnly,
}

/// How a provider's batch API is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Most requests of a batch.
    pub requests: usize,
    /// Most bytes of a batch's file.
    pub bytes: usize,
    /// Wait between two looks at a batch.
    pub poll: Duration,
}

impl Default for Batching {
    /// `OpenAI`'s limits: 50,000 requests and 200 MB.
    fn default() -> Self {
        Self { requests: 50_000, bytes: 200_000_000, poll: Duration::from_secs(30) }
    }
}

/// An OpenAI-compatible endpoint: `OpenAI`, `Azure OpenAI`, vLLM, llama.cpp, Ollama, a `LiteLLM` proxy.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name in messages.
    pub name: String,
    /// URL up to and without `/chat/completions`.
    pub base_url: String,
    /// Key; empty for none.
    pub api_key: ApiKey,
    /// Header that carries the key as it is (`api-key` for Azure); a bearer token in `Authorization` when none.
    pub key_header: Option<String>,
    /// Value of the query parameter `api-version`, which Azure needs.
    pub api_version: Option<String>,
    /// Hosts (`name` or `name:port`) that count as inside the house, as the pipeline lists them.
    pub on_premises: Vec<String>,
    /// How JSON is asked for.
    pub json_mode: JsonMode,
    /// Requests in flight at most, at least 1.
    pub concurrency: usize,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the next piece of a reply; that of the whole when none.
    pub read_timeout: Option<Duration>,
    /// Longest wait for a whole reply.
    pub timeout: Duration,
    /// Further attempts after a transient fault.
    pub retries: u32,
    /// For how long an endpoint that answered before may answer nothing until the run is given up.
    pub patience: Duration,
    /// Most requests that this process sends in a minute.
    pub requests_per_minute: Option<u32>,
    /// Most tokens that this process sends and asks for in a minute.
    pub tokens_per_minute: Option<u32>,
    /// Counts prompts as the model does before they are sent; none for the endpoint's own counts of earlier replies.
    pub tokenizer: Option<CountTokens>,
    /// What tokens cost.
    pub prices: Option<Prices>,
    /// The most that it may cost.
    pub budget: Option<Budget>,
    /// Set to send through the provider's batch API.
    pub batching: Option<Batching>,
    /// Wait before the first further attempt; doubles each time up to half a minute, with jitter.
    pub first_backoff: Duration,
}

impl Endpoint {
    /// An endpoint with the usual settings and no key: 8 requests in flight, 10 s to connect, 180 s for a reply, 5 retries,
    /// three minutes of patience.
    pub fn new(name: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base_url: base_url.into(),
            api_key: ApiKey::default(),
            key_header: None,
            api_version: None,
            on_premises: Vec::new(),
            json_mode: JsonMode::default(),
            concurrency: 8,
            connect_timeout: Duration::from_secs(10),
            read_timeout: None,
            timeout: Duration::from_mins(3),
            retries: 5,
            patience: Duration::from_mins(3),
            requests_per_minute: None,
            tokens_per_minute: None,
            tokenizer: None,
            prices: None,
            budget: None,
            batching: None,
            first_backoff: Duration::from_millis(500),
        }
    }

    /// Takes the key from an environment variable.
    ///
    /// Errors: [`PromptingError::Endpoint`] when it is unset or empty.
    pub fn with_key_from(mut self, variable: &str) -> Result<Self, PromptingError> {
        match std::env::var(variable) {
            Ok(key) if !key.trim().is_empty() => {
                self.api_key = ApiKey::new(key.trim());
                Ok(self)
            }
            _ => Err(self.error(format!("environment variable `{variable}` holds no key: set it"))),
        }
    }

    /// Where its requests go.
    ///
    /// Errors: [`PromptingError::Endpoint`] for a base URL that is not plain HTTP or HTTPS, or that holds credentials.
    pub fn origin(&self) -> Result<Origin, PromptingError> {
        let problem = |words: &str| self.error(format!("base URL `{}` {words}", redact(&self.base_url)));
        let url = Url::parse(&self.base_url).map_err(|error| problem(&format!("is no URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(problem("holds credentials: give the key by its environment variable"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(problem("holds a query or fragment"));
        }
        Origin::of(&url).ok_or_else(|| problem("is not http:// or https://"))
    }

    /// Whether text of this sensitivity may travel there: `public` and `synthetic` anywhere, `aggregate` and `restricted`
    /// only to a loopback address or a host on the on-premises list.
    ///
    /// Errors: those of [`Endpoint::origin`].
    pub fn admits(&self, sensitivity: Sensitivity) -> Result<bool, PromptingError> {
        let origin = self.origin()?;
        Ok(sensitivity <= Sensitivity::Synthetic || origin.is_loopback() || origin.is_listed(&self.on_premises))
    }

    /// What tells it from other endpoints in the request cache: where its requests go.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.base_url, self.api_version.as_deref())
    }

    pub(crate) fn budget_spent(&self, spent: Charge, next: Charge) -> PromptingError {
        let shown = |charge: Charge| match &self.prices {
            Some(prices) => format!("{} tokens, {}", charge.tokens, money(charge.micros, &prices.currency)),
            None => format!("{} tokens", charge.tokens),
        };
        PromptingError::BudgetSpent { name: self.name.clone(), spent: shown(spent), next: shown(next) }
    }

    pub(crate) fn error(&self, problem: String) -> PromptingError {
        PromptingError::Endpoint { name: self.name.clone(), problem }
    }
}

/// Scheme, host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an HTTP or HTTPS URL, or `None`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let scheme = url.scheme();
        let port = url.port_or_known_default()?;
        // A name with a trailing dot is the same name.
        let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
        matches!(scheme, "http" | "https").then(|| Self { scheme: scheme.to_owned(), host, port })
    }

    /// `host:port`, as the `egress` table has it.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether it is this machine: a loopback address or `localhost`, which the client never asks a name server about.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether a list of `host` or `host:port` entries names it.
    fn is_listed(&self, hosts: &[String]) -> bool {
        let with_port = self.host_and_port();
        hosts.iter().any(|entry| {
            let entry = entry.trim().to_ascii_lowercase();
            entry == self.host || entry == with_port
        })
    }

    /// The addresses that `localhost` stands for, whatever the resolver says.
    pub(crate) fn loopback_addresses(&self) -> [SocketAddr; 2] {
        [(Ipv4Addr::LOCALHOST, self.port).into(), (Ipv6Addr::LOCALHOST, self.port).into()]
    }
}

/// A URL without what stands before an `@`, for messages.
fn redact(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}***{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn restricted_text_stays_on_loopback_or_the_list() {
        let check = |url: &str, expected: bool| {
            let mut endpoint = Endpoint::new("e", url);
            endpoint.on_premises = vec!["llm.hospital.test".into(), "10.0.0.7:8000".into()];
            for sensitivity in Sensitivity::ALL {
                let admitted = endpoint.admits(sensitivity).unwrap();
                assert_eq!(admitted, expected || sensitivity <= Sensitivity::Synthetic, "{url} {sensitivity}");
            }
        };
        check("http://127.0.0.1:8080/v1", true);
        check("http://127.9.9.9/v1", true);
        check("http://[::1]:8080/v1", true);
        check("http://LOCALHOST:8080/v1", true);
        check("https://llm.hospital.test/v1", true);
        check("https://LLM.hospital.test.:8443/v1", true);
        check("http://10.0.0.7:8000/v1", true);
        check("http://10.0.0.7:8001/v1", false);
        check("https://api.openai.com/v1", false);
        check("http://localhost.evil.test/v1", false);
        check("http://127.0.0.1.evil.test/v1", false);
        check("http://0.0.0.0:8080/v1", false);
        check("https://llm.hospital.test.evil.test/v1", false);
        // Other spellings of a loopback address are that address.
        check("http://2130706433/v1", true);
    }

    #[test]
    fn refuses_urls_that_hide_their_host_or_hold_secrets() {
        let check = |url: &str, expected: &str| {
            assert_eq!(Endpoint::new("e", url).origin().unwrap_err().to_string(), format!("endpoint `e`: {expected}"));
        };
        check("127.0.0.1:80", "base URL `127.0.0.1:80` is no URL: relative URL without a base");
        check("ftp://host/", "base URL `ftp://host/` is not http:// or https://");
        check(
            "http://user:secret@127.0.0.1/v1",
            "base URL `http://***@127.0.0.1/v1` holds credentials: give the key by its environment variable",
        );
    }

    #[test]
    fn key_never_shows() {
        let mut endpoint = Endpoint::new("e", "http://127.0.0.1/v1");
        endpoint.api_key = ApiKey::new("sk-secret");
        assert!(!format!("{endpoint:?}").contains("secret"));
        assert_eq!(endpoint.api_key.blot("bad key sk-secret"), "bad key ***");
    }
}
