/// Why predictions cannot be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// There is nothing to score.
    #[error("evaluation set `{dataset}` holds no example")]
    NoExamples {
        /// Evaluation set.
        dataset: String,
    },
    /// No label was named.
    #[error("evaluation of `{dataset}` names no label: name those that its gold annotates")]
    NoLabels {
        /// Evaluation set.
        dataset: String,
    },
    /// A label stands twice among those to score.
    #[error("label `{label}` is to be scored twice on `{dataset}`: name each label once")]
    RepeatedLabel {
        /// Evaluation set.
        dataset: String,
        /// The label.
        label: String,
    },
    /// A gold example without a row of predictions; an example in which nothing was found has an empty row.
    #[error("{count} of the examples of `{dataset}` have no row of predictions: {ids}; predict on this very set")]
    MissingPredictions {
        /// Evaluation set.
        dataset: String,
        /// How many.
        count: usize,
        /// The first few, in backticks.
        ids: String,
    },
    /// Predictions for examples that the evaluation set lacks.
    #[error("{count} predictions are for examples that `{dataset}` lacks: {ids}; predict on this very set")]
    UnknownExamples {
        /// Evaluation set.
        dataset: String,
        /// How many.
        count: usize,
        /// The first few, in backticks.
        ids: String,
    },
    /// An identifier that stands twice.
    #[error("{what} `{id}` stands twice in the evaluation of `{dataset}`: identifiers must be unique")]
    Repeated {
        /// Evaluation set.
        dataset: String,
        /// `example`, `prediction for example` or `system`.
        what: &'static str,
        /// The identifier.
        id: String,
    },
    /// A coverage outside 0 to 1.
    #[error("interval level `{level}` is not between 0 and 1, such as 0.95")]
    BadLevel {
        /// The level.
        level: f64,
    },
    /// A relation of a mention that its row lacks.
    #[error("a {side} relation of example `{example}` names mention {index}, but it has {mentions}, counted from 0")]
    NoSuchMention {
        /// The example.
        example: String,
        /// `gold` or `predicted`.
        side: &'static str,
        /// The mention.
        index: u32,
        /// How many there are.
        mentions: usize,
    },
    /// Systems that are to be compared by a figure which they do not have.
    #[error("no `{metric}` of `{label}` under `{scheme}` to compare on `{dataset}`; there is {known}")]
    UnknownMeasure {
        /// Evaluation set.
        dataset: String,
        /// Matching rule.
        scheme: String,
        /// Label or average.
        label: String,
        /// Figure.
        metric: String,
        /// What there is, in words.
        known: String,
    },
    /// Gold and predicted tags do not pair up.
    #[error("{what}: {gold} gold against {predicted} predicted")]
    UnequalLengths {
        /// `number of sequences`, or `tags of sequence N` counted from 0.
        what: String,
        /// Items on the gold side.
        gold: usize,
        /// Items on the predicted side.
        predicted: usize,
    },
    /// A tag outside the scheme.
    #[error("tag `{tag}` starts with none of {allowed}")]
    UnknownTag {
        /// The tag.
        tag: String,
        /// The allowed first letters.
        allowed: &'static str,
    },
}

/// The first five identifiers in backticks, and a sign that there are more.
pub(crate) fn first_few(ids: &[&str]) -> String {
    let shown: Vec<String> = ids.iter().take(5).map(|id| format!("`{id}`")).collect();
    format!("{}{}", shown.join(", "), if ids.len() > 5 { ", …" } else { "" })
}
