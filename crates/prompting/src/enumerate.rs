use std::borrow::Borrow;
use std::collections::BTreeMap;

use clinsynth_contract::{Digest, Hasher, Message, Prompt, Sensitivity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Labelling, PromptSeed, PromptingError, Quotes, Template};

/// What, beside the messages, decides a completion: part of every prompt's digest and of every request's body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Model name as the endpoint knows it.
    pub model: String,
    /// Sampling temperature; the endpoint's default when absent.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Most tokens of a completion; the endpoint's default when absent.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Further fields of the request's body, such as `seed` or `max_completion_tokens`.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// How prompts are made out of seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerateSettings {
    /// Task and labels.
    pub labelling: Labelling,
    /// Model and sampling.
    pub parameters: Parameters,
    /// What prompts show beside their seed.
    pub quotes: Quotes,
    /// Prompts at most; all when absent.
    pub limit: Option<usize>,
    /// Highest sensitivity of what the template and the seeds hold.
    pub sensitivity: Sensitivity,
}

/// Renders one prompt for each seed, in order. The same inputs give the same prompts, bytes and identifiers.
///
/// A request identifier is the task and the first 12 digits of the prompt's digest, with `-2`, `-3`, … when an equal
/// prompt stands before it: an edit of one seed leaves the identifiers of the others as they are.
///
/// Errors: [`PromptingError::Template`], [`PromptingError::Labels`], [`PromptingError::Settings`].
pub fn enumerate(
    template: &Template,
    seeds: &[impl Borrow<PromptSeed>],
    settings: &GenerateSettings,
) -> Result<Vec<Prompt>, PromptingError> {
    settings.labelling.validate()?;
    if settings.parameters.model.is_empty() {
        return Err(PromptingError::Settings { key: "model", problem: "is empty".to_owned() });
    }
    let mut occurrences: BTreeMap<String, u32> = BTreeMap::new();
    let mut prompts = Vec::new();
    for (number, seed) in seeds.iter().take(settings.limit.unwrap_or(usize::MAX)).enumerate() {
        let seed = seed.borrow();
        let messages = template.render(&settings.labelling, seed, &settings.quotes, number)?;
        let digest = prompt_digest(&messages, &settings.parameters);
        let occurrence = occurrences.entry(digest.to_string()).or_default();
        *occurrence += 1;
        let repeat = if *occurrence > 1 { format!("-{occurrence}") } else { String::new() };
        prompts.push(Prompt {
            request: format!("{}-{}{repeat}", settings.labelling.task.name(), digest.short()),
            template: template.name().to_owned(),
            digest: digest.to_string(),
            messages,
            seed: seed.mentions(),
            topic: seed.topic.clone(),
            style: seed.style.clone(),
            count: seed.count,
            sensitivity: settings.sensitivity,
        });
    }
    Ok(prompts)
}

/// Digest of messages, model and parameters: equal digests are equal requests.
pub(crate) fn prompt_digest(messages: &[Message], parameters: &Parameters) -> Digest {
    let mut hasher = Hasher::new()
        .field("clinsynth prompt 1")
        .field(&parameters.model)
        .field(parameters.temperature.map(|value| value.to_string()).unwrap_or_default())
        .field(parameters.max_tokens.map(|value| value.to_string()).unwrap_or_default());
    // By name, so that the order in which a file lists them does not matter.
    let extra: BTreeMap<&String, &Value> = parameters.extra.iter().collect();
    for (name, value) in extra {
        hasher = hasher.field(name).field(value.to_string());
    }
    hasher = hasher.field("messages");
    for message in messages {
        hasher = hasher.field(&message.role).field(&message.content);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Label;

    fn prompts(temperature: Option<f64>, topics: &[&str], limit: Option<usize>) -> Vec<Prompt> {
        let template = Template::parse("t.md.j2", "--- user\n{{ count }} on {{ topic }}").unwrap();
        let seed = |topic: &&str| PromptSeed { topic: Some((*topic).into()), count: 2, ..PromptSeed::default() };
        let settings = GenerateSettings {
            labelling: Labelling { labels: vec![Label::new("Disease", "")], ..Labelling::default() },
            parameters: Parameters { model: "m".into(), temperature, ..Parameters::default() },
            limit,
            ..GenerateSettings::default()
        };
        enumerate(&template, &topics.iter().map(seed).collect::<Vec<_>>(), &settings).unwrap()
    }

    fn requests(prompts: &[Prompt]) -> Vec<&str> {
        prompts.iter().map(|prompt| prompt.request.as_str()).collect()
    }

    #[test]
    fn identifiers_are_stable_and_repeats_are_numbered() {
        let all = prompts(None, &["gout", "asthma", "gout"], None);
        let [gout, asthma, again] = requests(&all)[..] else { panic!("three prompts") };
        assert_eq!(again, format!("{gout}-2"));
        assert_eq!(requests(&prompts(None, &["asthma", "gout"], None)), [asthma, gout]);
        assert_eq!(prompts(None, &["gout", "asthma", "gout"], Some(2)), all[..2]);
        assert_eq!(all[0].messages[0].content, "2 on gout");
        assert!(gout.starts_with("ner-") && gout.len() == 16);
    }

    #[test]
    fn digest_covers_messages_model_and_parameters() {
        let plain = &prompts(None, &["gout"], None)[0];
        assert_ne!(plain.digest, prompts(Some(0.0), &["gout"], None)[0].digest);
        let parameters = |text: &str| serde_json::from_str::<Parameters>(text).unwrap();
        let digest = |text: &str| prompt_digest(&plain.messages, &parameters(text));
        assert_eq!(digest(r#"{"model":"m"}"#).as_str(), plain.digest);
        assert_ne!(digest(r#"{"model":"n"}"#).as_str(), plain.digest);
        assert_eq!(
            digest(r#"{"model":"m","extra":{"seed":1,"top_p":1}}"#),
            digest(r#"{"model":"m","extra":{"top_p":1,"seed":1}}"#)
        );
        assert_ne!(digest(r#"{"model":"m","extra":{"seed":1}}"#), digest(r#"{"model":"m","extra":{"seed":2}}"#));
    }
}
