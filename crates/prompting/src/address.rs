use async_openai::config::{Config, OpenAIConfig};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{Endpoint, PromptingError};

/// Where the client's requests go and what authorises them. Every field is set by the endpoint alone: the client's own
/// configurations take what is left out from the environment.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    base: OpenAIConfig,
    headers: HeaderMap,
    api_version: Option<String>,
}

impl Address {
    /// Errors: [`PromptingError::Endpoint`] for a key or a header name that HTTP cannot carry.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, PromptingError> {
        let key = endpoint.api_key.expose();
        let mut headers = HeaderMap::new();
        if !key.is_empty() {
            let (name, words) = match &endpoint.key_header {
                None => (header::AUTHORIZATION, format!("Bearer {key}")),
                Some(name) => {
                    let parsed = HeaderName::try_from(name.as_str());
                    (parsed.map_err(|_| endpoint.error(format!("`{name}` is no header name")))?, key.to_owned())
                }
            };
            let graphic = key.bytes().all(|byte| byte.is_ascii_graphic());
            let mut value = HeaderValue::try_from(words)
                .ok()
                .filter(|_| graphic)
                .ok_or_else(|| endpoint.error("the API key holds a character that no header can carry".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let base = OpenAIConfig::new().with_api_base(endpoint.base_url.trim_end_matches('/')).with_api_key("");
        Ok(Self { base, headers, api_version: endpoint.api_version.clone() })
    }
}

impl Config for Address {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        self.base.url(path)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        self.api_version.iter().map(|version| ("api-version", version.as_str())).collect()
    }

    fn api_base(&self) -> &str {
        self.base.api_base()
    }

    fn api_key(&self) -> &secrecy::SecretString {
        self.base.api_key()
    }
}
