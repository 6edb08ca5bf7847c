//! Evaluation through the public interface: hand-made cases, properties, and parity with seqeval, scikit-learn and scipy.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use clinsynth_contract::{Entity, Example, Prediction, Relation, ScoredRelation, ScoredSpan, Sensitivity, Span};
use clinsynth_metrics::{Bootstrap, Evaluation, EvaluationSettings, MetricsError, evaluate};

mod comparison;
mod evaluation;
mod properties;
mod relations;
mod seqeval;
mod statistics;

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

/// Two mentions, the first related to the second under each of the labels.
fn related(id: &str, labels: &[&String]) -> Example {
    let relation = |label: &&String| Relation { head: 0, tail: 1, label: (*label).clone() };
    Example { relations: labels.iter().map(relation).collect(), ..example(id, &[(0, 5, "G"), (10, 15, "D")]) }
}

/// The same two mentions, found to be related so.
fn judged(id: &str, labels: &[&String]) -> Prediction {
    let relation = |label: &&String| ScoredRelation { head: 0, tail: 1, label: (*label).clone(), score: 0.5 };
    Prediction { relations: labels.iter().map(relation).collect(), ..prediction(id, &[(0, 5, "G"), (10, 15, "D")]) }
}

fn settings(labels: &[&str]) -> EvaluationSettings {
    EvaluationSettings { labels: labels.iter().map(ToString::to_string).collect(), ..EvaluationSettings::default() }
}

/// Value of a row.
fn value(evaluation: &Evaluation, scheme: &str, label: &str, metric: &str) -> f64 {
    let wanted = |row: &&clinsynth_contract::Score| row.scheme == scheme && row.label == label && row.metric == metric;
    evaluation.scores.iter().find(wanted).unwrap().value
}
