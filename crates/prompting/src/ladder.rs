use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::JsonMode;

/// Ways of asking for JSON, the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rung {
    /// `response_format: {type: json_schema}`, OpenAI's form.
    JsonSchema,
    /// `{type: json_object, schema}`: the form of llama-cpp-python and older llama.cpp servers.
    ObjectWithSchema,
    /// `{type: json_object}`.
    JsonObject,
    /// The prompt's words alone.
    PromptOnly,
}

const RUNGS: [Rung; 4] = [Rung::JsonSchema, Rung::ObjectWithSchema, Rung::JsonObject, Rung::PromptOnly];

/// The rung that an endpoint's model understands, found by going down one at each refusal and kept in the request cache.
#[derive(Debug)]
pub(crate) struct Ladder(AtomicUsize);

impl Ladder {
    /// `learned` is the name of the rung that was found before.
    pub(crate) fn new(mode: JsonMode, learned: Option<&str>) -> Self {
        let known = || RUNGS.iter().position(|rung| Some(rung.name()) == learned).unwrap_or(0);
        Self(AtomicUsize::new(match mode {
            JsonMode::Auto => known(),
            JsonMode::PromptOnly => RUNGS.len() - 1,
        }))
    }

    pub(crate) fn current(&self) -> Rung {
        RUNGS[self.0.load(Ordering::Relaxed).min(RUNGS.len() - 1)]
    }

    /// Goes below `refused`, unless another request did so already. False when nothing is below.
    pub(crate) fn step_down(&self, refused: Rung) -> bool {
        let Some(index) = RUNGS.iter().position(|rung| *rung == refused).filter(|index| index + 1 < RUNGS.len()) else {
            return false;
        };
        // A failed exchange means that the ladder is lower already.
        let _ = self.0.compare_exchange(index, index + 1, Ordering::Relaxed, Ordering::Relaxed);
        true
    }
}

impl Rung {
    /// The name in the request cache.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::JsonSchema => "json_schema",
            Self::ObjectWithSchema => "json_object with schema",
            Self::JsonObject => "json_object",
            Self::PromptOnly => "prompt only",
        }
    }

    /// The `response_format` of a request, if any.
    pub(crate) fn response_format(self, schema: &Value) -> Option<Value> {
        match self {
            Self::JsonSchema => Some(json!({
                "type": "json_schema",
                "json_schema": { "name": "examples", "strict": true, "schema": schema },
            })),
            Self::ObjectWithSchema => Some(json!({ "type": "json_object", "schema": schema })),
            Self::JsonObject => Some(json!({ "type": "json_object" })),
            Self::PromptOnly => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_down_once_for_each_rung_however_many_requests_are_refused() {
        let ladder = Ladder::new(JsonMode::Auto, None);
        for rung in RUNGS {
            assert_eq!(ladder.current(), rung);
            for _ in 0..3 {
                assert_eq!(ladder.step_down(rung), rung != Rung::PromptOnly);
            }
        }
        assert_eq!(ladder.current(), Rung::PromptOnly);
        assert_eq!(Ladder::new(JsonMode::PromptOnly, None).current(), Rung::PromptOnly);
        for rung in RUNGS {
            assert_eq!(Ladder::new(JsonMode::Auto, Some(rung.name())).current(), rung);
        }
        assert_eq!(Ladder::new(JsonMode::Auto, Some("unheard of")).current(), Rung::JsonSchema);
    }
}
