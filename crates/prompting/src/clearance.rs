use clinsynth_contract::Prompt;

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

    use clinsynth_contract::Sensitivity;

    use super::*;

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
