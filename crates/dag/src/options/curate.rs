use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;

/// What happens to an example that leaves a string unlabelled which is mostly labelled elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum MentionPolicy {
    /// It stays as it is, with a flag.
    #[default]
    Keep,
    /// It is set aside.
    Drop,
    /// The mention is added under its usual label, with a flag.
    Label,
}

/// Options of `uses: curate`: duplicates and doubtful examples are set aside, the rest is split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CurateOptions {
    /// Steps of `needs` whose texts must not occur among the examples (decontamination).
    pub against: Vec<String>,
    /// Share of the examples that become the dev split; whole topics go there.
    #[serde(deserialize_with = "bounds::below_one")]
    #[schemars(range(min = 0, max = 1))]
    pub dev_fraction: f64,
    /// Seed of the split.
    pub seed: u64,
    /// Fewest words of a text.
    pub min_words: u32,
    /// Most words of a text.
    pub max_words: u32,
    /// Largest share of letters from scripts other than the data's own, Latin and Greek.
    #[serde(deserialize_with = "bounds::fraction")]
    #[schemars(range(min = 0, max = 1))]
    pub max_foreign_share: f64,
    /// Jaccard similarity of character 5-grams from which a text is a near copy of another; 1 keeps all but equal texts.
    #[serde(deserialize_with = "bounds::share")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub near_duplicate: f64,
    /// Consecutive words shared with a text of `against` from which an example is contaminated.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub contamination_words: u32,
    /// What happens to an example with a forgotten mention: a string that is mostly labelled elsewhere.
    pub forgotten_mentions: MentionPolicy,
    /// Fewest times that a string is labelled before a mention of it can count as forgotten.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub forgotten_min_count: u32,
    /// Smallest share of a string's occurrences that are labelled before the others count as forgotten.
    #[serde(deserialize_with = "bounds::share")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub forgotten_min_share: f64,
}

impl Default for CurateOptions {
    fn default() -> Self {
        Self {
            against: Vec::new(),
            dev_fraction: 0.1,
            seed: 0,
            min_words: 3,
            max_words: 400,
            max_foreign_share: 0.1,
            near_duplicate: 0.7,
            contamination_words: 10,
            forgotten_mentions: MentionPolicy::Keep,
            forgotten_min_count: 3,
            forgotten_min_share: 0.5,
        }
    }
}
