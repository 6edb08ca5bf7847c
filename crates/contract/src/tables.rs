//! The contract tables. A change of a column here raises the table's version and regenerates `schemas/`.

use crate::cell::struct_cell;
use crate::table::describe;
use crate::{Provenance, Sensitivity, Span, Split};

/// Declares the row type of a table: the struct, its columns with their documentation, and both conversions.
macro_rules! table_row {
    ($(#[doc = $about:literal])+ pub struct $name:ident = $table:literal v $version:literal {
        $($(#[doc = $doc:literal])+ pub $field:ident : $type:ty,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl $crate::Row for $name {
            const NAME: &'static str = $table;
            const VERSION: u32 = $version;
            const ABOUT: &'static str = concat!($($about),+);
            fn columns() -> Vec<(arrow::datatypes::Field, &'static str)> {
                vec![$((
                    arrow::datatypes::Field::new(stringify!($field), <$type as $crate::Cell>::data_type(), <$type as $crate::Cell>::NULLABLE),
                    concat!($($doc),+),
                ),)+]
            }
            fn build(rows: Vec<Self>) -> Vec<arrow::array::ArrayRef> {
                $(let mut $field = Vec::with_capacity(rows.len());)+
                for row in rows { $($field.push(row.$field);)+ }
                vec![$(<$type as $crate::Cell>::build($field),)+]
            }
            fn read(columns: &[arrow::array::ArrayRef], index: usize) -> Self {
                let mut columns = columns.iter();
                let mut next = || columns.next().map_or_else(|| unreachable!("the table's columns were checked"), |column| column.as_ref());
                Self { $($field: <$type as $crate::Cell>::read(next(), index),)+ }
            }
        }
    };
}

struct_cell! {
    /// A labelled mention: half-open character offsets into the row's text.
    pub struct Entity {
        /// First character.
        pub start: u32,
        /// One past the last character.
        pub end: u32,
        /// Label from the pipeline's label set.
        pub label: String,
        /// Concept identifier in the source's own vocabulary.
        pub concept: Option<String>,
    }
}

impl Entity {
    /// An entity without a concept.
    pub fn new(span: Span, label: impl Into<String>) -> Self {
        Self { start: span.start, end: span.end, label: label.into(), concept: None }
    }

    /// Its span.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

struct_cell! {
    /// A labelled pair of entities of the same row.
    pub struct Relation {
        /// Index of the head in the row's entities.
        pub head: u32,
        /// Index of the tail in the row's entities.
        pub tail: u32,
        /// Label from the pipeline's label set.
        pub label: String,
    }
}

struct_cell! {
    /// A predicted mention.
    pub struct ScoredSpan {
        /// First character.
        pub start: u32,
        /// One past the last character.
        pub end: u32,
        /// Predicted label.
        pub label: String,
        /// Mean probability of the span's tags over its words, 0 to 1.
        pub score: f32,
    }
}

impl ScoredSpan {
    /// Its span.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

impl From<&Entity> for ScoredSpan {
    /// A mention that was given and not looked for: score 1.
    fn from(entity: &Entity) -> Self {
        Self { start: entity.start, end: entity.end, label: entity.label.clone(), score: 1.0 }
    }
}

struct_cell! {
    /// A pair that a model judged: indices into the spans of the same row.
    pub struct ScoredRelation {
        /// Index of the head in the row's spans.
        pub head: u32,
        /// Index of the tail in the row's spans.
        pub tail: u32,
        /// Most probable label; the one that stands for no relation is a label like others.
        pub label: String,
        /// Its probability, 0 to 1.
        pub score: f32,
    }
}

struct_cell! {
    /// One message of a chat prompt.
    pub struct Message {
        /// `system`, `user` or `assistant`.
        pub role: String,
        /// The text.
        pub content: String,
    }
}

table_row! {
    /// Texts to be labelled.
    pub struct Document = "documents" v 1 {
        /// Unique identifier.
        pub id: String,
        /// The text.
        pub text: String,
        /// File or corpus that it came from.
        pub source: String,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// What prompts are filled with: mentions from a vocabulary, topics, styles.
    pub struct Seed = "seeds" v 1 {
        /// Unique identifier.
        pub id: String,
        /// What it fills: `mention`, `topic` or `style`.
        pub kind: String,
        /// The text put into the prompt.
        pub value: String,
        /// Label of a mention.
        pub label: Option<String>,
        /// Concept identifier of a mention.
        pub concept: Option<String>,
        /// File it came from.
        pub source: String,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// Rendered requests to a language model, in the order of enumeration.
    pub struct Prompt = "prompts" v 1 {
        /// Unique identifier of the request.
        pub request: String,
        /// File name of the template.
        pub template: String,
        /// Digest of messages, model and parameters: equal digests are equal requests.
        pub digest: String,
        /// The messages, in order.
        pub messages: Vec<Message>,
        /// Seed entity, if any.
        pub seed: Option<String>,
        /// Topic, if any.
        pub topic: Option<String>,
        /// Style, if any.
        pub style: Option<String>,
        /// Examples asked for.
        pub count: u32,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// What a language model answered, as text.
    pub struct Completion = "completions" v 1 {
        /// The request it answers.
        pub request: String,
        /// Number of the sample for this request, from 0.
        pub sample: u32,
        /// Digest of the prompt.
        pub digest: String,
        /// Model name as the endpoint reports it.
        pub model: String,
        /// Host that answered, or `replay`.
        pub endpoint: String,
        /// The completion, untouched.
        pub text: String,
        /// Why it ended, as the endpoint says.
        pub finish_reason: Option<String>,
        /// Tokens of the prompt, as the endpoint counts them.
        pub prompt_tokens: Option<u32>,
        /// Tokens of the completion, as the endpoint counts them.
        pub completion_tokens: Option<u32>,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// Texts with their labelled entities and relations, for training and evaluation alike.
    pub struct Example = "examples" v 2 {
        /// Unique identifier.
        pub id: String,
        /// The document it is part of: the unit of resampling.
        pub document: String,
        /// The text.
        pub text: String,
        /// Labelled mentions, by start.
        pub entities: Vec<Entity>,
        /// Labelled pairs of them.
        pub relations: Vec<Relation>,
        /// The part of the data set it belongs to, once split.
        pub split: Option<Split>,
        /// Where it comes from.
        pub provenance: Provenance,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// What was set aside, and why; nothing is dropped without a row here.
    pub struct Quarantined = "quarantine" v 1 {
        /// Identifier of the completion or example.
        pub id: String,
        /// The step that set it aside.
        pub stage: String,
        /// Reason code, such as `mention_not_found`.
        pub reason: String,
        /// The reason in words, with the values that matter.
        pub detail: String,
        /// The request it belongs to.
        pub request: Option<String>,
        /// The text concerned.
        pub text: String,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// Windows of sub-tokens ready for a model; one row is one window of one example, or one pair of its entities.
    pub struct Encoding = "encodings" v 2 {
        /// The example.
        pub example: String,
        /// The document it is part of.
        pub document: String,
        /// Number of the window, or of the pair, within the example, from 0.
        pub window: u32,
        /// Sub-token ids with the special tokens.
        pub input_ids: Vec<u32>,
        /// For each sub-token the index of its word within the window, or -1 for a special token.
        pub token_words: Vec<i32>,
        /// First character of each word of the window, in the example's text.
        pub word_starts: Vec<u32>,
        /// One past the last character of each word.
        pub word_ends: Vec<u32>,
        /// Tag of each word (index into the tag set); empty when the example carries no labels.
        pub tags: Vec<u32>,
        /// First word of the window that it decides on when overlapping windows are merged.
        pub owned_from: u32,
        /// One past the last word that it decides on.
        pub owned_to: u32,
        /// Of a pair: indices of head and tail in the example's entities; else empty.
        pub pair: Vec<u32>,
        /// Of a pair: the sub-tokens at which head and tail start.
        pub entity_starts: Vec<u32>,
        /// Of a pair: its class (index into the classes), when the example says it.
        pub class: Option<u32>,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// What a model found in each example; an example without mentions has a row too.
    pub struct Prediction = "predictions" v 2 {
        /// The example.
        pub example: String,
        /// The document it is part of.
        pub document: String,
        /// Predicted mentions, by start; those that were given, with score 1, when only their relations are predicted.
        pub spans: Vec<ScoredSpan>,
        /// Every pair of them that was judged, those without a relation included.
        pub relations: Vec<ScoredRelation>,
        /// Digest of the model file.
        pub model: String,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// Scores with intervals, one figure a row.
    pub struct Score = "scores" v 2 {
        /// Evaluation set.
        pub dataset: String,
        /// One of several systems, or a baseline such as `always positive`; empty for the model that is evaluated.
        pub system: String,
        /// Matching rule. Entities: `strict` (same offsets and label), `relaxed` (same label, overlapping), `type` (same label anywhere in the example). Relations: `pair` (same label for the same two mentions), `concept` (same label for the same two concepts of a document).
        pub scheme: String,
        /// The part that is counted, as `axis=value`; empty for everything. Axes: `seen` in training, `words` of the mention, `frequency` of the mention in training, `score` of the prediction.
        pub slice: String,
        /// A label, `micro avg`, `macro avg`, or `all` for a figure that labels have no part of.
        pub label: String,
        /// `precision`, `recall`, `f1`, `accuracy`, `mcc`, `ece` (expected calibration error) or `confidence` (mean score).
        pub metric: String,
        /// The figure: 0 to 1, `mcc` from -1.
        pub value: f64,
        /// Lower end of the interval.
        pub low: Option<f64>,
        /// Upper end of the interval.
        pub high: Option<f64>,
        /// Coverage of the interval, such as 0.95.
        pub level: Option<f64>,
        /// How the interval was made: `percentile` or `bca` by resampling documents, `t` over runs.
        pub interval: Option<String>,
        /// Runs, such as seeds, whose mean the value is.
        pub runs: u32,
        /// Standard deviation over the runs.
        pub sd: Option<f64>,
        /// Systems that share a letter do not differ significantly.
        pub letters: Option<String>,
        /// Gold mentions or relations, over all runs.
        pub support: u64,
        /// Predicted mentions or relations.
        pub predicted: u64,
        /// Correct predictions.
        pub correct: u64,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// Two systems on the same documents, one figure a row.
    pub struct Comparison = "comparisons" v 1 {
        /// Evaluation set.
        pub dataset: String,
        /// Matching rule, as in `scores`.
        pub scheme: String,
        /// Label or average, as in `scores`.
        pub label: String,
        /// Figure, as in `scores`.
        pub metric: String,
        /// The system with the higher figure.
        pub system: String,
        /// The system that it is compared with.
        pub other: String,
        /// The first system's figure, mean over its runs.
        pub system_value: f64,
        /// The other's.
        pub other_value: f64,
        /// The first less the other.
        pub difference: f64,
        /// Lower end of the difference's interval, by resampling documents.
        pub low: Option<f64>,
        /// Upper end.
        pub high: Option<f64>,
        /// Coverage of the interval, such as 0.95.
        pub level: Option<f64>,
        /// Two-sided p-value of the paired bootstrap over documents.
        pub p_bootstrap: Option<f64>,
        /// The same after Holm's correction for all pairs of the table.
        pub p_bootstrap_holm: Option<f64>,
        /// Two-sided p-value of approximate randomisation over documents.
        pub p_randomisation: Option<f64>,
        /// The same after Holm's correction for all pairs of the table.
        pub p_randomisation_holm: Option<f64>,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// Where prediction and gold part: one row for each error.
    pub struct ErrorCase = "errors" v 2 {
        /// The run that made it, of several; empty for the model that is evaluated.
        pub system: String,
        /// The example.
        pub example: String,
        /// Its text.
        pub text: String,
        /// `missed`, `spurious`, `boundary` (right label, overlapping), `label` (right offsets or pair) or `both` (overlapping, other label).
        pub kind: String,
        /// The gold mention, unless spurious; none for relations.
        pub gold: Option<Entity>,
        /// The predicted mention, unless missed; none for relations.
        pub predicted: Option<ScoredSpan>,
        /// Head of a relation.
        pub head: Option<Entity>,
        /// Tail of a relation.
        pub tail: Option<Entity>,
        /// The gold relation, unless spurious.
        pub gold_relation: Option<String>,
        /// The predicted relation, unless missed.
        pub predicted_relation: Option<String>,
        /// How far it may travel.
        pub sensitivity: Sensitivity,
    }
}

table_row! {
    /// The course of a training run: a row for each logged step, and one with dev scores at the end of each epoch.
    pub struct HistoryPoint = "history" v 1 {
        /// Optimizer steps done.
        pub step: u64,
        /// Epochs done, with the fraction of the current one.
        pub epoch: f64,
        /// Mean training loss for each labelled word since the last row.
        pub loss: Option<f64>,
        /// Learning rate of the last step.
        pub learning_rate: f64,
        /// Global gradient norm of the last step before clipping.
        pub gradient_norm: Option<f64>,
        /// Mean loss on the dev split.
        pub dev_loss: Option<f64>,
        /// Micro strict precision on the dev split.
        pub dev_precision: Option<f64>,
        /// Micro strict recall on the dev split.
        pub dev_recall: Option<f64>,
        /// Micro strict F1 on the dev split.
        pub dev_f1: Option<f64>,
    }
}

table_row! {
    /// Every request that left the process: when, where to and what it was, never its text.
    pub struct EgressRecord = "egress" v 1 {
        /// Milliseconds since 1970-01-01 UTC.
        pub time: i64,
        /// Host and port.
        pub host: String,
        /// The request.
        pub request: String,
        /// Digest of the body that was sent.
        pub body_digest: String,
        /// Bytes of the body.
        pub body_bytes: u64,
        /// HTTP status of the answer, if one came.
        pub status: Option<u32>,
        /// How far the body was allowed to travel.
        pub sensitivity: Sensitivity,
    }
}

/// The description of every contract table, by name.
pub fn descriptions() -> Vec<(&'static str, serde_json::Value)> {
    fn of<R: crate::Row>() -> (&'static str, serde_json::Value) {
        (R::NAME, describe::<R>())
    }
    vec![
        of::<Document>(),
        of::<Seed>(),
        of::<Prompt>(),
        of::<Completion>(),
        of::<Example>(),
        of::<Quarantined>(),
        of::<Encoding>(),
        of::<Prediction>(),
        of::<Score>(),
        of::<Comparison>(),
        of::<ErrorCase>(),
        of::<HistoryPoint>(),
        of::<EgressRecord>(),
    ]
}
