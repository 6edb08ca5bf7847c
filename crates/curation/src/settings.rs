use crate::CurationError;

/// What is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CurationSettings {
    /// Fewest words of a text (runs of letters and digits; each character of a script without spaces).
    pub min_words: u32,
    /// Most words of a text.
    pub max_words: u32,
    /// Largest share of letters from scripts other than the data set's own, Latin and Greek; 0 to 1.
    pub max_foreign_share: f64,
    /// Strings that betray a prompt or the answer's notation; case matters.
    pub residue: Vec<String>,
    /// Jaccard similarity of character 5-grams from which a text is a near copy of another; above 0, at most 1.
    ///
    /// Candidates come from MinHash bands, which miss a pair of similarity 0.8 with probability 3 in 10^6, one of 0.7
    /// with 1 in 700 and one of 0.5 with 1 in 5.
    pub near_duplicate: f64,
    /// Consecutive words shared with an evaluation text from which an example is contaminated; at least 1.
    ///
    /// Brown et al. 2020 (GPT-3) use 13 on web pages; sentences are shorter, so the default is stricter.
    pub contamination_words: u32,
    /// Consistency of mentions.
    pub mentions: MentionSettings,
    /// The split.
    pub split: SplitSettings,
}

impl Default for CurationSettings {
    fn default() -> Self {
        let residue = [
            "{{",
            "}}",
            "{%",
            "```",
            "{\"",
            "\"}",
            "\"text\":",
            "\"entities\":",
            "<|",
            "|>",
            "[INST]",
            "\\n",
            "\\u",
            "As an AI",
            "as an AI",
            "Here is the",
            "Here are the",
            "Sure, ",
            "Sure!",
            "Certainly!",
        ];
        Self {
            min_words: 3,
            max_words: 400,
            max_foreign_share: 0.1,
            residue: residue.map(String::from).to_vec(),
            near_duplicate: 0.7,
            contamination_words: 10,
            mentions: MentionSettings::default(),
            split: SplitSettings::default(),
        }
    }
}

/// When an unlabelled string counts as forgotten, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct MentionSettings {
    /// What happens to an example with a forgotten mention.
    pub policy: MentionPolicy,
    /// Fewest times the string is labelled in the data set; at least 1.
    pub min_count: u32,
    /// Smallest share of its occurrences that are labelled; above 0, at most 1.
    ///
    /// The default, half, is the most useful where it matters: with a tenth of the recorded mentions taken away it
    /// finds 40 % of them and is right in 79 % of its flags; 0.8 is hardly more often right and finds half as many.
    pub min_share: f64,
}

impl Default for MentionSettings {
    fn default() -> Self {
        Self { policy: MentionPolicy::Keep, min_count: 3, min_share: 0.5 }
    }
}

/// What happens to an example that leaves a string unlabelled which is mostly labelled elsewhere.
///
/// `Keep` is the default because context decides: in the recordings, written with care, each of the 26 flags is a
/// string that is no mention where it stands (`lactate dehydrogenase`, `diabetes educator`, `89% RA`). The other two
/// policies pay off when the model that wrote the labels forgets more of them than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MentionPolicy {
    /// It stays as it is, with a flag.
    #[default]
    Keep,
    /// It is set aside.
    Drop,
    /// The mention is added under its usual label, with a flag, and the example's origin becomes `weak`.
    Label,
}

/// The split into train and dev.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitSettings {
    /// Share of the examples that go to dev, met to within half the largest topic; 0 to below 1.
    pub dev_fraction: f64,
    /// Which topics go to dev.
    pub seed: u64,
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self { dev_fraction: 0.1, seed: 0 }
    }
}

impl CurationSettings {
    /// Checks every range; a NaN is in none.
    pub(crate) fn check(&self) -> Result<(), CurationError> {
        let share = "above 0 and at most 1";
        let at_least = "1 or more";
        let rules = [
            ("max-words", f64::from(self.max_words), self.max_words >= self.min_words, "no less than `min-words`"),
            ("max-foreign-share", self.max_foreign_share, (0.0..=1.0).contains(&self.max_foreign_share), "0 to 1"),
            ("near-duplicate", self.near_duplicate, is_share(self.near_duplicate), share),
            ("contamination-words", f64::from(self.contamination_words), self.contamination_words >= 1, at_least),
            ("forgotten-min-count", f64::from(self.mentions.min_count), self.mentions.min_count >= 1, at_least),
            ("forgotten-min-share", self.mentions.min_share, is_share(self.mentions.min_share), share),
        ];
        match rules.into_iter().find(|&(_, _, holds, _)| !holds) {
            Some((name, value, _, expected)) => Err(CurationError::BadSetting { name, value, expected }),
            None => self.split.check(),
        }
    }
}

impl SplitSettings {
    pub(crate) fn check(&self) -> Result<(), CurationError> {
        if (0.0..1.0).contains(&self.dev_fraction) {
            return Ok(());
        }
        let (name, value, expected) = ("dev-fraction", self.dev_fraction, "0 or more and below 1");
        Err(CurationError::BadSetting { name, value, expected })
    }
}

fn is_share(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}
