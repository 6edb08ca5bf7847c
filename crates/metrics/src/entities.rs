//! Mentions of each document, counted under every matching rule and slice.

use std::collections::BTreeMap;

use clinsynth_contract::{CharOffsets, Example, Prediction, Span};

use crate::EvaluationSettings;
use crate::board::{Block, Content, CountTable};
use crate::calibration::Calibration;
use crate::evaluate::{Counted, STRICT, document_of};
use crate::matching::{Mention, SCHEMES, count_mentions, gold_mentions, is_among, predicted_mentions};
use crate::slices::{slice_names, slices_of};
use crate::taxonomy::error_cases;

/// Counts every pair of gold and prediction.
pub(crate) fn count_entities(pairs: &[(&Example, &Prediction)], settings: &EvaluationSettings) -> Counted {
    let labels = settings.labels.len();
    let slices = slice_names(settings.training.as_ref());
    let width = 3 * labels * (SCHEMES.len() + slices.len());
    let mut documents: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    let mut calibration = Calibration::new(labels, settings.bins);
    let mut errors = Vec::new();
    for &(example, prediction) in pairs {
        let golds = gold_mentions(&example.entities, &settings.labels);
        let found = predicted_mentions(&prediction.spans, &settings.labels);
        let cells = documents.entry(document_of(example)).or_insert_with(|| vec![0; width]);
        let (matched, sliced) = cells.split_at_mut(3 * labels * SCHEMES.len());
        count_mentions(&golds, &found, labels, matched);
        if !golds.is_empty() || !found.is_empty() {
            let slicer = Slicer { offsets: CharOffsets::new(&example.text), settings };
            slicer.count(&golds, &found, sliced);
        }
        for mention in &found {
            calibration.add(mention.label, mention.source.score, is_among(mention, &golds));
        }
        errors.extend(error_cases(example, prediction, &golds, &found));
    }
    let table = CountTable::new(width, documents.into_values());
    Counted { table, blocks: blocks(settings, &slices), calibration, scheme: STRICT, errors }
}

fn blocks(settings: &EvaluationSettings, slices: &[&str]) -> Vec<Block> {
    let whole = SCHEMES.iter().map(|&scheme| (scheme, "", true));
    let parts = slices.iter().map(|&slice| (STRICT, slice, false));
    let block = |(index, (scheme, slice, macro_average)): (usize, (&'static str, &str, bool))| Block {
        system: String::new(),
        scheme,
        slice: slice.to_owned(),
        labels: settings.labels.clone(),
        at: 3 * settings.labels.len() * index,
        content: Content::Mentions { macro_average },
    };
    whole.chain(parts).enumerate().map(block).collect()
}

/// Sorts the mentions of one example into slices. Right mentions have the text of their gold mention, so that both fall
/// into the same slices.
struct Slicer<'e> {
    offsets: CharOffsets<'e>,
    settings: &'e EvaluationSettings,
}

impl Slicer<'_> {
    fn count<G, P>(&self, gold: &[Mention<'_, G>], predicted: &[Mention<'_, P>], cells: &mut [u32]) {
        for mention in gold {
            for place in self.places(mention.span, mention.label) {
                cells[place] += 1;
                cells[place + 2] += u32::from(is_among(mention, predicted));
            }
        }
        for mention in predicted {
            self.places(mention.span, mention.label).for_each(|place| cells[place + 1] += 1);
        }
    }

    /// The first cells of a mention's label in each slice that it is in.
    fn places(&self, span: Span, label: usize) -> impl Iterator<Item = usize> {
        let text = self.offsets.slice(span).unwrap_or_default();
        let labels = self.settings.labels.len();
        let slices = slices_of(&self.settings.labels[label], text, self.settings.training.as_ref());
        slices.map(move |slice| 3 * (slice * labels + label))
    }
}
