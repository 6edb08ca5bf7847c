//! What an HTTP reply means: decided from status, headers and body before the client tries to parse it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::failure::Failure;
use crate::{Endpoint, PromptingError, Reason};

/// Characters of a server's words that are repeated in a message.
const SHOWN: usize = 300;

/// Why an attempt brought no completion.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It may go better later.
    Transient {
        /// What the failure is once attempts are spent.
        last: Failure,
        /// How long the server asks to wait.
        wait: Option<Duration>,
        /// Whether the server said that it is too much.
        refused: bool,
    },
    /// Another attempt would end the same way.
    Permanent(Failure),
}

impl Fault {
    /// Whether the request cannot have reached the server.
    pub(crate) fn never_arrived(&self) -> bool {
        matches!(self, Self::Transient { last: Failure::Fatal(PromptingError::Unreachable { .. }), .. })
    }
}

/// Judges a reply; `json` when it must be JSON.
pub(crate) fn judge(
    endpoint: &Endpoint,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    json: bool,
) -> Result<(), Fault> {
    if !status.is_success() {
        return judge_error(endpoint, status, headers, body);
    }
    if !json {
        return Ok(());
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => match hidden_status(&value) {
            Some(hidden) => judge_error(endpoint, hidden, headers, body),
            None => Ok(()),
        },
        // A body that breaks off, or a page of a gateway: another attempt may bring the whole reply.
        Err(_) => Err(Fault::Transient {
            last: Failure::set_aside(
                Reason::BadReply,
                format!("status {} with a body that is not JSON: {}", status.as_u16(), shorten(&text_of(body))),
            ),
            wait: None,
            refused: false,
        }),
    }
}

/// The status of an error that a proxy passes on within a reply of status 200.
fn hidden_status(reply: &Value) -> Option<StatusCode> {
    let error = reply.get("error").filter(|_| reply.get("choices").is_none())?;
    let code = ["code", "status"].into_iter().find_map(|key| match error.get(key) {
        Some(Value::Number(code)) => code.as_u64().and_then(|code| u16::try_from(code).ok()),
        Some(Value::String(code)) => code.parse().ok(),
        _ => None,
    })?;
    StatusCode::from_u16(code).ok().filter(|status| status.is_client_error() || status.is_server_error())
}

fn judge_error(endpoint: &Endpoint, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    let said = Said::read(endpoint, body);
    match status.as_u16() {
        300..=399 => Err(fatal(endpoint, status, &said, &redirect_remedy(headers))),
        401 | 403 => Err(fatal(endpoint, status, &said, "check the API key and what it may do")),
        402 => Err(fatal(endpoint, status, &said, "check the account's quota")),
        404 | 405 => Err(fatal(
            endpoint,
            status,
            &said,
            "check `base-url` (it ends before `/chat/completions`) and the model's name",
        )),
        429 if said.code.contains("insufficient_quota") => {
            Err(fatal(endpoint, status, &said, "check the account's quota"))
        }
        429 => Err(transient(status, headers, &said, true)),
        408 | 425 => Err(transient(status, headers, &said, false)),
        // Some servers report what they cannot validate as their own fault.
        500 if said.is_validation() => Err(refused(status, &said)),
        501 | 505 => Err(refused(status, &said)),
        500..=599 => Err(transient(status, headers, &said, status.as_u16() == 503)),
        _ => Err(refused(status, &said)),
    }
}

fn fatal(endpoint: &Endpoint, status: StatusCode, said: &Said, remedy: &str) -> Fault {
    Fault::Permanent(Failure::Fatal(PromptingError::EndpointRefuses {
        url: endpoint.base_url.clone(),
        status: status.as_u16(),
        message: said.message.clone(),
        remedy: remedy.to_owned(),
    }))
}

fn redirect_remedy(headers: &HeaderMap) -> String {
    let target = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
    format!("it redirects to `{target}`, and redirects are not followed: set `base-url` to where the API is")
}

fn transient(status: StatusCode, headers: &HeaderMap, said: &Said, refused: bool) -> Fault {
    Fault::Transient {
        last: Failure::set_aside(
            Reason::EndpointFailed,
            format!("status {} to the end: {}", status.as_u16(), said.message),
        ),
        wait: retry_after(headers, SystemTime::now()),
        refused,
    }
}

fn refused(status: StatusCode, said: &Said) -> Fault {
    let words = format!("status {}: {}", status.as_u16(), said.message);
    if said.is_about_format() {
        return Fault::Permanent(Failure::FormatRefused(words));
    }
    Fault::Permanent(Failure::set_aside(Reason::RequestRefused, words))
}

/// How long a server asks to wait: `Retry-After` in seconds or as a date, `retry-after-ms`, or LiteLLM's passed-on header.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = value("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let text = value("retry-after").or_else(|| value("llm_provider-retry-after"))?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // A date in the past means: now.
    Some(date.duration_since(now).unwrap_or_default())
}

/// What an error body says, whichever server's form it has.
struct Said {
    message: String,
    /// `code`, `type` and `param` run together, in lower case.
    code: String,
}

impl Said {
    fn read(endpoint: &Endpoint, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = value.get("error").unwrap_or(&value);
        let message = match error.get("message").or_else(|| value.get("detail")).unwrap_or(error) {
            Value::String(text) => text.clone(),
            Value::Null => text_of(body),
            other => other.to_string(),
        };
        let code = ["code", "type", "param"].map(|key| match error.get(key) {
            Some(Value::String(text)) => text.to_lowercase(),
            Some(other) => other.to_string(),
            None => String::new(),
        });
        Self { message: endpoint.api_key.blot(&shorten(&message)), code: code.join(" ") }
    }

    fn is_validation(&self) -> bool {
        let words = ["validation", "literal_error", "input should be", "value_error", "extra inputs"];
        self.mentions(&words) || self.code.contains("invalid_request")
    }

    fn is_about_format(&self) -> bool {
        self.mentions(&["response_format", "json_schema", "json_object", "schema", "grammar"])
    }

    fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        words.iter().any(|word| message.contains(word) || self.code.contains(word))
    }
}

fn text_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() { "no words".to_owned() } else { text.to_owned() }
}

/// The first [`SHOWN`] characters on one line.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((byte, _)) => format!("{}…", &line[..byte]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reads_every_form_of_retry_after() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let check = |name: &'static str, value: &'static str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_millis), "{name}: {value}");
        };
        check("retry-after", "2", Some(2000));
        check("retry-after", " 0.5 ", Some(500));
        check("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT", Some(30_000));
        check("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("retry-after-ms", "150", Some(150));
        check("llm_provider-retry-after", "60", Some(60_000));
        check("retry-after", "soon", None);
        check("retry-after", "-1", None);
        check("date", "2", None);
    }

    fn verdict(status: u16, body: &str) -> String {
        let mut endpoint = Endpoint::new("e", "http://127.0.0.1:1/v1");
        endpoint.api_key = crate::ApiKey::new("sk-test");
        match judge(&endpoint, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes(), true) {
            Ok(()) => "ok".to_owned(),
            Err(Fault::Transient { last: Failure::SetAside { reason: Reason::BadReply, detail }, .. }) => {
                format!("transient bad reply: {detail}")
            }
            Err(Fault::Transient { refused, .. }) => {
                format!("transient{}", if refused { " for all" } else { "" })
            }
            Err(Fault::Permanent(Failure::Fatal(error))) => format!("fatal: {error}"),
            Err(Fault::Permanent(Failure::FormatRefused(words))) => format!("format: {words}"),
            Err(Fault::Permanent(Failure::SetAside { reason, detail })) => format!("{}: {detail}", reason.code()),
            Err(Fault::Permanent(other)) => other.to_string(),
        }
    }

    #[test]
    fn classifies_the_replies_of_compatible_servers() {
        let check =
            |status: u16, body: &str, expected: &str| assert_eq!(verdict(status, body), expected, "{status} {body}");
        check(200, r#"{"anything":1}"#, "ok");
        check(200, "[1]", "ok");
        check(200, "<html>", "transient bad reply: status 200 with a body that is not JSON: <html>");
        check(
            200,
            r#"{"choices":[{"mess"#,
            r#"transient bad reply: status 200 with a body that is not JSON: {"choices":[{"mess"#,
        );
        // OpenRouter and other proxies pass an upstream's error on with status 200.
        check(200, r#"{"error":{"code":429,"message":"upstream is busy"}}"#, "transient for all");
        check(200, r#"{"error":{"code":"502","message":"bad gateway"}}"#, "transient");
        check(200, r#"{"error":{"code":400,"message":"too long"}}"#, "request_refused: status 400: too long");
        check(429, r#"{"error":{"code":429,"message":"slow down"}}"#, "transient for all");
        check(429, "slow down", "transient for all");
        check(429, "", "transient for all");
        check(
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            "fatal: `http://127.0.0.1:1/v1` refuses requests with status 429 (You exceeded your current quota): check the account's quota",
        );
        check(503, "<html>503</html>", "transient for all");
        check(500, r#"{"error":{"code":500,"message":"CUDA out of memory"}}"#, "transient");
        check(529, "overloaded", "transient");
        // llama.cpp's answer when a sample breaks its own grammar, by invalid UTF-8 for example: the next may not.
        check(
            500,
            r#"{"error":{"code":500,"message":"The model produced output that does not match the expected peg-native format","type":"server_error"}}"#,
            "transient",
        );
        // llama-cpp-python's answer to json_schema.
        check(
            500,
            r#"{"error":{"message":"[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]","type":"internal_server_error"}}"#,
            "format: status 500: [{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]",
        );
        // vLLM, flat and nested, with an integer code; Ollama's bare string; FastAPI's detail.
        check(400, r#"{"object":"error","message":"too long","code":400}"#, "request_refused: status 400: too long");
        check(
            400,
            r#"{"error":{"message":"json_schema is not supported","code":400}}"#,
            "format: status 400: json_schema is not supported",
        );
        check(400, r#"{"error":"no such thing"}"#, "request_refused: status 400: no such thing");
        check(422, r#"{"detail":[{"msg":"bad"}]}"#, r#"request_refused: status 422: [{"msg":"bad"}]"#);
        check(
            401,
            r#"{"error":{"message":"Incorrect API key: sk-test"}}"#,
            "fatal: `http://127.0.0.1:1/v1` refuses requests with status 401 (Incorrect API key: ***): check the API key and what it may do",
        );
    }
}
