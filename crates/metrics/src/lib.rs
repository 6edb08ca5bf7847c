//! Entity and relation scores as the field computes them: with bootstrap intervals, baselines, slices, calibration and a row
//! for each error; and comparisons of systems that say what is chance.
//!
//! ```
//! use clinsynth_contract::{Entity, Example, Prediction, ScoredSpan, Span};
//! use clinsynth_metrics::{EvaluationSettings, evaluate};
//!
//! let gold = Example {
//!     id: "1".into(),
//!     text: "cystic fibrosis".into(),
//!     entities: vec![Entity::new(Span::new(0, 15), "Disease")],
//!     ..Example::default()
//! };
//! let found = ScoredSpan { start: 7, end: 15, label: "Disease".into(), score: 0.9 };
//! let predicted = Prediction { example: "1".into(), spans: vec![found], ..Prediction::default() };
//! let settings = EvaluationSettings { labels: vec!["Disease".into()], ..EvaluationSettings::default() };
//!
//! let evaluation = evaluate("dev", &[gold], &[predicted], &settings)?;
//! let f1 = |scheme: &str| {
//!     let mut rows = evaluation.scores.iter().filter(|row| row.scheme == scheme && row.label == "Disease");
//!     rows.find(|row| row.metric == "f1").map(|row| row.value)
//! };
//! assert_eq!((f1("strict"), f1("relaxed")), (Some(0.0), Some(1.0)));
//! assert_eq!(evaluation.errors[0].kind, "boundary");
//! # Ok::<(), clinsynth_metrics::MetricsError>(())
//! ```
//!
//! This crate knows nothing about files, models or how tags were predicted.

mod board;
mod bootstrap;
mod calibration;
mod compare;
mod confusion;
mod counts;
mod distributions;
mod entities;
mod error;
mod evaluate;
mod matching;
mod pairing;
mod random;
mod relations;
mod significance;
mod slices;
mod tags;
mod taxonomy;

pub use bootstrap::{Bootstrap, IntervalMethod};
pub use compare::{Measure, Ranking, System, compare};
pub use counts::{Counts, Figures, macro_average};
pub use error::MetricsError;
pub use evaluate::{
    ALL, CONCEPT, Evaluation, EvaluationSettings, MACRO, MICRO, PAIR, RELAXED, STRICT, TYPE, Task, evaluate,
};
pub use slices::MentionCounts;
pub use tags::{TagReading, TagScores, score_tags};
