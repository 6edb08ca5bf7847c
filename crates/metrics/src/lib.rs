//! Entity precision, recall and F1 as the field computes them, with bootstrap intervals and a row for each error.
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

mod bootstrap;
mod counts;
mod error;
mod evaluate;
mod matching;
mod tags;
mod taxonomy;

pub use bootstrap::Bootstrap;
pub use counts::{Counts, Figures, macro_average};
pub use error::MetricsError;
pub use evaluate::{Evaluation, EvaluationSettings, MACRO, MICRO, RELAXED, STRICT, evaluate};
pub use tags::{TagReading, TagScores, score_tags};
