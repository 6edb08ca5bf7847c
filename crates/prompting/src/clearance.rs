use clinsynth_contract::{ErrorCase, Example, Prompt, Sensitivity};

use crate::{Backend, Endpoint, PromptingError};

/// Where cleared prompts may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Nowhere: recordings are looked up inside the process.
    Recordings,
    /// To this `host:port`.
    Host(String),
}

impl Destination {
    pub(crate) fn of(backend: &Backend) -> Result<Self, PromptingError> {
        match backend {
            Backend::Replay(_) => Ok(Self::Recordings),
            Backend::Live(endpoint) => Ok(Self::Host(endpoint.origin()?.host_and_port())),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Recordings => "replay",
            Self::Host(host) => host,
        }
    }
}

/// Prompts that proved they may travel to one destination. Only [`clear`] makes them, and only they can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearedPrompts {
    prompts: Vec<Prompt>,
    destination: Destination,
}

impl ClearedPrompts {
    /// The prompts.
    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Prompts with a clearance they never earned, to see whether the guard at the socket stops them.
    #[cfg(test)]
    pub(crate) fn forged(prompts: Vec<Prompt>, endpoint: &Endpoint) -> Self {
        let destination = endpoint.origin().map(|origin| Destination::Host(origin.host_and_port()));
        Self { prompts, destination: destination.unwrap_or(Destination::Recordings) }
    }
}

/// Checks that every prompt may travel to the backend. Recordings take any prompt, for nothing leaves the process.
///
/// Errors: [`PromptingError::NotCleared`] for the first prompt that may not; [`PromptingError::Endpoint`].
pub fn clear(prompts: Vec<Prompt>, backend: &Backend) -> Result<ClearedPrompts, PromptingError> {
    if let Backend::Live(endpoint) = backend {
        for prompt in &prompts {
            clear_one(prompt, endpoint)?;
        }
    }
    Ok(ClearedPrompts { prompts, destination: Destination::of(backend)? })
}

/// Examples that may be quoted in prompts as demonstrations. Only [`clear_examples`] makes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClearedExamples(Vec<Example>);

impl ClearedExamples {
    /// The examples.
    pub fn examples(&self) -> &[Example] {
        &self.0
    }
}

/// Errors of a model that may be quoted in prompts. Only [`clear_errors`] makes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClearedErrors(Vec<ErrorCase>);

impl ClearedErrors {
    /// The errors.
    pub fn errors(&self) -> &[ErrorCase] {
        &self.0
    }
}

/// Lets examples be quoted if all are public or synthetic: what a prompt shows may come back in what the model writes,
/// so that no endpoint, however near, makes a quotation of anything else safe.
///
/// Errors: [`PromptingError::NotQuotable`] for the first that is not.
pub fn clear_examples(examples: Vec<Example>) -> Result<ClearedExamples, PromptingError> {
    let sensitivities = examples.iter().map(|example| (example.id.as_str(), example.sensitivity));
    quotable(sensitivities).map(|()| ClearedExamples(examples))
}

/// Lets errors be quoted, as [`clear_examples`] does examples.
///
/// Errors: [`PromptingError::NotQuotable`].
pub fn clear_errors(errors: Vec<ErrorCase>) -> Result<ClearedErrors, PromptingError> {
    quotable(errors.iter().map(|error| (error.example.as_str(), error.sensitivity))).map(|()| ClearedErrors(errors))
}

fn quotable<'r>(mut rows: impl Iterator<Item = (&'r str, Sensitivity)>) -> Result<(), PromptingError> {
    match rows.find(|(_, sensitivity)| *sensitivity > Sensitivity::Synthetic) {
        None => Ok(()),
        Some((example, sensitivity)) => Err(PromptingError::NotQuotable { example: example.to_owned(), sensitivity }),
    }
}

fn clear_one(prompt: &Prompt, endpoint: &Endpoint) -> Result<(), PromptingError> {
    if endpoint.admits(prompt.sensitivity)? {
        return Ok(());
    }
    Err(PromptingError::NotCleared {
        request: prompt.request.clone(),
        sensitivity: prompt.sensitivity,
        host: endpoint.origin()?.host_and_port(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_public_and_synthetic_examples_are_quoted() {
        let example = |sensitivity| Example { id: "e1".into(), sensitivity, ..Example::default() };
        assert_eq!(clear_examples(vec![example(Sensitivity::Synthetic)]).unwrap().examples().len(), 1);
        assert_eq!(
            clear_examples(vec![example(Sensitivity::Public), example(Sensitivity::Restricted)])
                .unwrap_err()
                .to_string(),
            "example `e1` is `restricted` and may not be quoted in a prompt: show public or synthetic examples"
        );
        let error = ErrorCase { example: "e1".into(), sensitivity: Sensitivity::Aggregate, ..ErrorCase::default() };
        assert!(matches!(clear_errors(vec![error]), Err(PromptingError::NotQuotable { .. })));
    }

    fn prompt(sensitivity: Sensitivity) -> Prompt {
        Prompt { request: "ner-1".into(), sensitivity, ..Prompt::default() }
    }

    #[test]
    fn restricted_prompts_are_refused_with_the_remedy() {
        let cloud = Backend::Live(Endpoint::new("cloud", "https://api.openai.com/v1"));
        let prompts = vec![prompt(Sensitivity::Synthetic), prompt(Sensitivity::Restricted)];
        assert_eq!(
            clear(prompts.clone(), &cloud).unwrap_err().to_string(),
            "request `ner-1` is `restricted` and may not travel to `api.openai.com:443`: use a loopback endpoint, or list \
             `api.openai.com:443` under `on-premises` if it is in the house"
        );
        let local = Backend::Live(Endpoint::new("local", "http://localhost:8080/v1"));
        assert_eq!(clear(prompts.clone(), &local).unwrap().prompts(), prompts);
        assert!(clear(vec![prompt(Sensitivity::Aggregate)], &cloud).is_err());
    }
}
