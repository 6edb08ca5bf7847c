use std::sync::Arc;

use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use clinsynth_contract::Sensitivity;
use reqwest::{Method, Request, Url};
use serde_json::{Value, json};

use crate::asker::Asker;
use crate::failure::Failure;
use crate::transport::{Parcel, Transport};
use crate::{PromptingError, Reason};

/// Batches that a page of the provider's list holds.
const PAGE: usize = 100;

/// The calls of the batch API: files and batches, as `OpenAI` defines them.
pub(crate) struct Api<'a> {
    asker: &'a Asker,
    sensitivity: Sensitivity,
}

/// How far a batch is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) status: String,
    /// Identifiers of the files with results and errors, as far as there are any.
    pub(crate) files: Vec<String>,
    /// What the provider says of its failure.
    pub(crate) words: String,
}

struct Call {
    method: Method,
    path: String,
    content: Option<(String, Vec<u8>)>,
    json: bool,
    once: bool,
}

impl Call {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, content: None, json: true, once: false }
    }

    fn post(path: &str, kind: &str, body: Vec<u8>) -> Self {
        let content = Some((kind.to_owned(), body));
        Self { method: Method::POST, path: path.to_owned(), content, json: true, once: false }
    }
}

impl<'a> Api<'a> {
    /// Calls that carry text up to a sensitivity.
    pub(crate) fn new(asker: &'a Asker, sensitivity: Sensitivity) -> Self {
        Self { asker, sensitivity }
    }

    /// Uploads a file of requests. Returns its identifier.
    pub(crate) async fn upload(&self, name: &str, lines: Vec<u8>) -> Result<String, PromptingError> {
        let kind = format!("multipart/form-data; boundary={name}");
        let reply = self.call(Call::post("/files", &kind, form(name, &lines))).await?;
        self.identifier(&reply, "file")
    }

    /// Creates a batch from a file. Returns its identifier. Not repeated when the reply is lost.
    pub(crate) async fn create(&self, name: &str, file: &str) -> Result<String, PromptingError> {
        let body = json!({
            "input_file_id": file,
            "endpoint": if self.asker.endpoint.api_version.is_some() { "/chat/completions" } else { "/v1/chat/completions" },
            "completion_window": "24h",
            "metadata": { "clinsynth": name },
        });
        let call = Call::post("/batches", "application/json", body.to_string().into_bytes());
        let reply = self.call(Call { once: true, ..call }).await?;
        self.identifier(&reply, "batch")
    }

    /// The identifier of the batch with our name, if the provider has it.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<String>, PromptingError> {
        let mut after = String::new();
        loop {
            let reply = self.call(Call::get(format!("/batches?limit={PAGE}{after}"))).await?;
            let page = reply.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let ours = |batch: &&Value| batch.pointer("/metadata/clinsynth").and_then(Value::as_str) == Some(name);
            if let Some(found) = page.iter().find(ours) {
                return self.identifier(found, "batch").map(Some);
            }
            let more = reply.get("has_more").and_then(Value::as_bool).unwrap_or_default();
            match page.last().and_then(|last| last.get("id")).and_then(Value::as_str).filter(|_| more) {
                Some(last) => after = format!("&after={last}"),
                None => return Ok(None),
            }
        }
    }

    /// How far a batch is.
    pub(crate) async fn look(&self, id: &str) -> Result<State, PromptingError> {
        let reply = self.call(Call::get(format!("/batches/{id}"))).await?;
        let text = |key: &str| reply.get(key).and_then(Value::as_str).map(str::to_owned);
        let words = reply.pointer("/errors/data/0/message").and_then(Value::as_str).unwrap_or("no words");
        Ok(State {
            status: text("status").unwrap_or_default(),
            files: ["output_file_id", "error_file_id"]
                .into_iter()
                .filter_map(text)
                .filter(|id| !id.is_empty())
                .collect(),
            words: self.asker.endpoint.api_key.blot(words),
        })
    }

    /// What a file holds.
    pub(crate) async fn content(&self, file: &str) -> Result<Vec<u8>, PromptingError> {
        let call = Call { json: false, ..Call::get(format!("/files/{file}/content")) };
        self.exchange(call).await.map_err(|failure| self.error(failure))
    }

    async fn call(&self, call: Call) -> Result<Value, PromptingError> {
        let bytes = self.exchange(call).await.map_err(|failure| self.error(failure))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.error(Failure::set_aside(Reason::BadReply, error.to_string())))
    }

    async fn exchange(&self, call: Call) -> Result<Vec<u8>, Failure> {
        let name = format!("{} {}", call.method, call.path);
        let parcel = Parcel::Control { name, sensitivity: self.sensitivity, json: call.json, once: call.once };
        let (client, address) = (self.asker.line.client().clone(), self.asker.address.clone());
        let call = Arc::new(call);
        let factory = HttpRequestFactory::new(move || {
            let request = build(&client, &address, &call);
            async move { request }
        });
        let response = Transport::new(Arc::clone(&self.asker.line), parcel).send(factory).await?;
        let body = response.bytes().await.map_err(|error| Failure::set_aside(Reason::BadReply, error.to_string()))?;
        Ok(body.to_vec())
    }

    fn identifier(&self, reply: &Value, what: &str) -> Result<String, PromptingError> {
        let id = reply.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| self.asker.endpoint.error(format!("the batch API gave no identifier of a {what}")))
    }

    /// A batch is no single request: whatever it meets concerns the run.
    fn error(&self, failure: Failure) -> PromptingError {
        match failure {
            Failure::Fatal(PromptingError::EndpointRefuses { url, status: status @ (404 | 405), message, .. }) => {
                let remedy = "has this server a batch API? set `mode: direct` if not".to_owned();
                PromptingError::EndpointRefuses { url, status, message, remedy }
            }
            Failure::Fatal(error) => error,
            Failure::Stopped => PromptingError::Interrupted { done: 0, total: self.asker.prompts.len() },
            other => self.asker.endpoint.error(format!("the batch API failed: {other}")),
        }
    }
}

fn build(client: &reqwest::Client, address: &impl Config, call: &Call) -> Result<Request, OpenAIError> {
    let mut url =
        Url::parse(&address.url(&call.path)).map_err(|error| OpenAIError::InvalidArgument(error.to_string()))?;
    for (name, value) in address.query() {
        url.query_pairs_mut().append_pair(name, value);
    }
    let mut request = client.request(call.method.clone(), url).headers(address.headers());
    if let Some((kind, body)) = &call.content {
        request = request.header(http::header::CONTENT_TYPE, kind).body(body.clone());
    }
    request.build().map_err(OpenAIError::Reqwest)
}

/// A form (RFC 7578) with a file of purpose `batch`. The boundary occurs in no JSON line: its own line begins with `--`.
fn form(boundary: &str, lines: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{boundary}\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"{boundary}.jsonl\"\r\n\
         content-type: application/jsonl\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(lines);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}
