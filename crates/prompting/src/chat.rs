//! Requests and replies of the chat completions API, as lenient as compatible servers need.

use clinsynth_contract::{Message, Prompt};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ladder::Rung;
use crate::{Parameters, Reason};

/// The body of a request.
#[derive(Debug, Serialize)]
pub(crate) struct ChatRequest<'a> {
    model: &'a str,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    stream: bool,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

impl<'a> ChatRequest<'a> {
    pub(crate) fn new(prompt: &'a Prompt, parameters: &'a Parameters, rung: Rung, schema: &Value) -> Self {
        Self {
            model: &parameters.model,
            messages: &prompt.messages,
            temperature: parameters.temperature,
            max_tokens: parameters.max_tokens,
            response_format: rung.response_format(schema),
            stream: false,
            extra: &parameters.extra,
        }
    }
}

/// What a reply holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ChatReply {
    pub(crate) model: Option<String>,
    pub(crate) text: String,
    pub(crate) finish_reason: Option<String>,
    pub(crate) prompt_tokens: Option<u32>,
    pub(crate) completion_tokens: Option<u32>,
}

impl ChatReply {
    /// Reads a reply by the few fields that matter; every other may be missing, null or of any type.
    pub(crate) fn read(value: &Value) -> Result<Self, (Reason, String)> {
        let Some(choice) = value.pointer("/choices/0") else {
            let words = match value.get("error") {
                Some(error) => format!("status 200 with an error: {error}"),
                None => "the reply holds no choice".to_owned(),
            };
            return Err((Reason::BadReply, words));
        };
        let finish_reason = choice.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty());
        let text = choice.pointer("/message/content").map(content).unwrap_or_default();
        if finish_reason == Some("content_filter") {
            return Err((Reason::ContentFiltered, "the endpoint withheld the completion".to_owned()));
        }
        // A refusal in the field that is meant for it; one among the content is for the reader of examples to find.
        if let (true, Some(words)) = (text.is_empty(), choice.pointer("/message/refusal").and_then(Value::as_str)) {
            return Err((Reason::ContentFiltered, format!("the model refused: {words}")));
        }
        let tokens = |name: &str| value.pointer(name).and_then(Value::as_u64).and_then(|count| count.try_into().ok());
        Ok(Self {
            model: value.get("model").and_then(Value::as_str).map(str::to_owned),
            text,
            finish_reason: finish_reason.map(str::to_owned),
            prompt_tokens: tokens("/usage/prompt_tokens"),
            completion_tokens: tokens("/usage/completion_tokens"),
        })
    }
}

/// The text of a message's content: a string, or a list of parts.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str).or(part.as_str())).collect()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_replies_of_compatible_servers() {
        type Found<'a> = Result<(&'a str, Option<&'a str>, Option<u32>), (Reason, &'a str)>;
        let check = |value: Value, expected: Found<'_>| {
            let found = ChatReply::read(&value);
            let found = match &found {
                Ok(reply) => Ok((reply.text.as_str(), reply.finish_reason.as_deref(), reply.completion_tokens)),
                Err((reason, words)) => Err((*reason, words.as_str())),
            };
            assert_eq!(found, expected, "{value}");
        };
        let choice = |choice: Value| json!({ "choices": [choice] });
        check(choice(json!({ "message": { "content": "{}" }, "finish_reason": "eos" })), Ok(("{}", Some("eos"), None)));
        check(
            choice(json!({ "message": { "content": null, "reasoning_content": "…" }, "finish_reason": "" })),
            Ok(("", None, None)),
        );
        check(
            choice(json!({ "message": { "content": [{ "type": "text", "text": "a" }, "b"] } })),
            Ok(("ab", None, None)),
        );
        check(
            json!({ "choices": [{ "message": { "content": "x" } }], "usage": { "completion_tokens": 7 }, "created": 1.5 }),
            Ok(("x", None, Some(7))),
        );
        check(
            json!({ "choices": [{ "message": { "content": "x" }, "finish_reason": 3 }], "usage": null }),
            Ok(("x", None, None)),
        );
        check(json!({ "choices": [] }), Err((Reason::BadReply, "the reply holds no choice")));
        check(json!([1]), Err((Reason::BadReply, "the reply holds no choice")));
        check(json!({ "error": { "code": 500 } }), Err((Reason::BadReply, "status 200 with an error: {\"code\":500}")));
        check(
            choice(json!({ "finish_reason": "content_filter" })),
            Err((Reason::ContentFiltered, "the endpoint withheld the completion")),
        );
    }
}
