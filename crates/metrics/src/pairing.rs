//! Which prediction belongs to which gold example.

use std::collections::{HashMap, HashSet};

use clinsynth_contract::{Example, Prediction};

use crate::MetricsError;
use crate::error::first_few;

/// Each gold example with its prediction, in the order of the examples.
pub(crate) fn pair_rows<'a>(
    dataset: &str,
    gold: &'a [Example],
    predicted: &'a [Prediction],
) -> Result<Vec<(&'a Example, &'a Prediction)>, MetricsError> {
    let repeated = |what, id: &str| MetricsError::Repeated { dataset: dataset.to_owned(), what, id: id.to_owned() };
    let mut found: HashMap<&str, &Prediction> = HashMap::with_capacity(predicted.len());
    for prediction in predicted {
        if found.insert(&prediction.example, prediction).is_some() {
            return Err(repeated("prediction for example", &prediction.example));
        }
    }
    let mut known = HashSet::with_capacity(gold.len());
    let mut missing = Vec::new();
    let mut pairs = Vec::with_capacity(gold.len());
    for example in gold {
        if !known.insert(example.id.as_str()) {
            return Err(repeated("example", &example.id));
        }
        match found.get(example.id.as_str()) {
            Some(&prediction) => pairs.push((example, prediction)),
            None => missing.push(example.id.as_str()),
        }
    }
    if !missing.is_empty() {
        let (count, ids) = (missing.len(), first_few(&missing));
        return Err(MetricsError::MissingPredictions { dataset: dataset.to_owned(), count, ids });
    }
    let strangers: Vec<&str> =
        predicted.iter().map(|row| row.example.as_str()).filter(|id| !known.contains(id)).collect();
    if !strangers.is_empty() {
        let (count, ids) = (strangers.len(), first_few(&strangers));
        return Err(MetricsError::UnknownExamples { dataset: dataset.to_owned(), count, ids });
    }
    Ok(pairs)
}
