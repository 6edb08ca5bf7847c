//! A real LiteLLM proxy with canned replies. `tests/reference/litellm_proxy.py` starts one.

use std::time::{Duration, Instant};

use clinsynth_prompting::{ApiKey, Backend, Endpoint, ParseSettings, PromptingError, Task, parse};

use crate::{ask, settings, shipped_prompts};

fn endpoint(key: &str) -> Endpoint {
    let url = std::env::var("CLINSYNTH_LITELLM_URL").unwrap_or_else(|_| {
        panic!("set CLINSYNTH_LITELLM_URL: `python tests/reference/litellm_proxy.py` starts a proxy and prints it")
    });
    let mut endpoint = Endpoint::new("litellm", url);
    endpoint.api_key = ApiKey::new(key);
    endpoint.first_backoff = Duration::from_millis(20);
    endpoint.retries = 2;
    endpoint
}

/// Completions, or the reason codes of what was set aside, for a model of the proxy.
fn outcomes(model: &str, requests: usize) -> Result<Vec<String>, PromptingError> {
    let mut settings = settings(Task::Ner, model);
    settings.limit = Some(requests);
    let prompts = shipped_prompts("ner", &settings);
    let answers = ask(&prompts, &Backend::Live(endpoint("sk-test")), &settings)?;
    let parsed = parse(&answers.completions, &prompts, &ParseSettings::new(settings.labelling)).unwrap();
    let texts = parsed.examples.into_iter().map(|example| example.text);
    Ok(texts.chain(answers.quarantined.into_iter().map(|row| format!("{}: {}", row.reason, row.detail))).collect())
}

#[test]
#[ignore = "needs a LiteLLM proxy, see tests/reference/litellm_proxy.py"]
fn litellm_replies_are_examples() {
    assert_eq!(outcomes("fine", 3).unwrap(), ["He has gout."; 3]);
}

#[test]
#[ignore = "needs a LiteLLM proxy, see tests/reference/litellm_proxy.py"]
fn litellm_faults_are_told_apart() {
    let check = |model: &str, expected: &str| {
        let found = outcomes(model, 1).unwrap();
        assert!(found[0].starts_with(expected), "{model}: {found:?}");
    };
    check("refuses", "endpoint_failed: status 429 to the end");
    check("fails", "endpoint_failed: status 500 to the end");
    check("too-long", "request_refused: status 400");
    // The proxy says 400, and not 404, of a model that it does not know.
    check("unheard-of", "request_refused: status 400");
}

/// Without a database the proxy answers 400 to a key that it does not know.
#[test]
#[ignore = "needs a LiteLLM proxy, see tests/reference/litellm_proxy.py"]
fn litellm_wrong_key_is_not_repeated() {
    let mut settings = settings(Task::Ner, "fine");
    settings.limit = Some(1);
    let prompts = shipped_prompts("ner", &settings);
    let answers = ask(&prompts, &Backend::Live(endpoint("sk-wrong")), &settings).unwrap();
    assert_eq!((answers.egress.len(), answers.quarantined[0].reason.as_str()), (1, "request_refused"));
    assert!(!format!("{answers:?}").contains("sk-wrong"));
}

/// Two requests a minute: the third is refused with `llm_provider-retry-after`, which is waited for.
#[test]
#[ignore = "needs a LiteLLM proxy, see tests/reference/litellm_proxy.py; takes a minute"]
fn litellm_limits_are_waited_for() {
    let start = Instant::now();
    assert_eq!(outcomes("limited", 3).unwrap(), ["He has gout."; 3]);
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
}
