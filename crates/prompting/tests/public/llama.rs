//! A real llama.cpp server with random weights: its grammar makes the JSON valid, its text is noise.
//! `tests/reference/llama_server.py` starts one.

use clinsynth_prompting::{ApiKey, Backend, Endpoint, ParseSettings, PromptingError, Task, parse};

use crate::{ask, settings, shipped_prompts};

fn endpoint(key: &str) -> Endpoint {
    let url = std::env::var("CLINSYNTH_LLAMA_URL").unwrap_or_else(|_| {
        panic!("set CLINSYNTH_LLAMA_URL: `python tests/reference/llama_server.py` starts a server and prints it")
    });
    let mut endpoint = Endpoint::new("llama.cpp", url);
    endpoint.api_key = ApiKey::new(key);
    endpoint.concurrency = 2;
    endpoint
}

#[test]
#[ignore = "needs a llama.cpp server, see tests/reference/llama_server.py"]
fn noise_from_a_real_server_is_sorted_without_loss() {
    for task in [Task::Ner, Task::Re] {
        let mut settings = settings(task, "tiny-random");
        settings.parameters.max_tokens = Some(300);
        settings.limit = Some(2);
        let prompts = shipped_prompts(task.name(), &settings);
        let answers = ask(&prompts, &Backend::Live(endpoint("sk-test")), &settings).unwrap();
        assert_eq!(answers.completions.len(), 2, "{:?}", answers.quarantined);
        assert_eq!(answers.egress[0].status, Some(200), "json_schema is understood at once");
        for completion in &answers.completions {
            assert_eq!(completion.model, "tiny-random");
            assert!(completion.prompt_tokens > Some(1000) && completion.completion_tokens > Some(10), "{completion:?}");
        }
        let parsed = parse(&answers.completions, &prompts, &ParseSettings::new(settings.labelling)).unwrap();
        assert!(parsed.examples.len() + parsed.quarantined.len() >= 2);
        // The grammar vouches for the form, so only what a random text cannot know is wrong: where a mention stands.
        let known = ["mention_not_found", "mention_overlaps", "truncated_json", "empty_text", "empty_mention"];
        let unexpected = parsed.quarantined.iter().find(|row| !known.contains(&row.reason.as_str()));
        assert_eq!(unexpected, None);
    }
}

#[test]
#[ignore = "needs a llama.cpp server, see tests/reference/llama_server.py"]
fn a_wrong_key_and_a_prompt_beyond_the_context_are_told_apart() {
    let mut settings = settings(Task::Ner, "tiny-random");
    settings.limit = Some(1);
    settings.parameters.max_tokens = Some(16);
    let prompts = shipped_prompts("ner", &settings);
    let wrong = ask(&prompts, &Backend::Live(endpoint("sk-wrong")), &settings);
    assert!(matches!(wrong, Err(PromptingError::EndpointRefuses { status: 401, .. })), "{wrong:?}");

    settings.labelling.labels[0].definition = "x".repeat(20_000);
    let long = shipped_prompts("ner", &settings);
    let answers = ask(&long, &Backend::Live(endpoint("sk-test")), &settings).unwrap();
    assert_eq!(answers.quarantined[0].reason, "request_refused", "{:?}", answers.quarantined);
}
