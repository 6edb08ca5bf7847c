//! Evaluation through the public interface: hand-made cases, properties, and parity with seqeval.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use clinsynth_contract::{Entity, Example, Prediction, ScoredSpan, Sensitivity, Span};
use clinsynth_metrics::{Bootstrap, Evaluation, EvaluationSettings, MetricsError, evaluate};

mod evaluation;
mod properties;
mod seqeval;

type Triple = (u32, u32, &'static str);

fn example(id: &str, mentions: &[Triple]) -> Example {
    Example {
        id: id.to_owned(),
        document: id.to_owned(),
        text: "x".repeat(60),
        entities: mentions.iter().map(|&(start, end, label)| Entity::new(Span::new(start, end), label)).collect(),
        ..Example::default()
    }
}

fn scored((start, end, label): Triple) -> ScoredSpan {
    ScoredSpan { start, end, label: label.to_owned(), score: 0.5 }
}

fn prediction(id: &str, mentions: &[Triple]) -> Prediction {
    Prediction {
        example: id.to_owned(),
        spans: mentions.iter().copied().map(scored).collect(),
        sensitivity: Sensitivity::Public,
        ..Prediction::default()
    }
}

fn settings(labels: &[&str]) -> EvaluationSettings {
    EvaluationSettings { labels: labels.iter().map(ToString::to_string).collect(), ..EvaluationSettings::default() }
}

/// Value of a row.
fn value(evaluation: &Evaluation, scheme: &str, label: &str, metric: &str) -> f64 {
    let wanted = |row: &&clinsynth_contract::Score| row.scheme == scheme && row.label == label && row.metric == metric;
    evaluation.scores.iter().find(wanted).unwrap().value
}
