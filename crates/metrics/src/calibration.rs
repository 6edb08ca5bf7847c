//! Whether scores are probabilities: expected calibration error and reliability bins.

use crate::Counts;
use crate::evaluate::ALL;

/// Predictions by label and by score, in bins of equal width.
#[derive(Clone, Debug)]
pub(crate) struct Calibration {
    /// Bins of each label.
    labels: Vec<Vec<Bin>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    predicted: u64,
    correct: u64,
    /// Sum of the scores in units of 2^-60: exact, whatever the order.
    scores: u128,
}

/// One figure about the scores.
#[derive(Debug)]
pub(crate) struct Reliability {
    pub(crate) label: String,
    pub(crate) slice: String,
    pub(crate) metric: &'static str,
    pub(crate) value: f64,
    pub(crate) counts: Counts,
}

const UNIT: f64 = (1u64 << 60) as f64;

impl Calibration {
    /// `bins` of 0 leaves calibration out.
    pub(crate) fn new(labels: usize, bins: u32) -> Self {
        Self { labels: vec![vec![Bin::default(); bins as usize]; labels] }
    }

    /// Counts a prediction. Bin k of n holds the scores above k/n up to (k+1)/n, the first one 0 as well.
    pub(crate) fn add(&mut self, label: usize, score: f32, correct: bool) {
        let bins = &mut self.labels[label];
        let score = f64::from(score).clamp(0.0, 1.0);
        let width = 1.0 / bins.len() as f64;
        let place = (1..bins.len()).take_while(|&edge| edge as f64 * width < score).count();
        if let Some(bin) = bins.get_mut(place) {
            bin.predicted += 1;
            bin.correct += u64::from(correct);
            bin.scores += (score * UNIT) as u128;
        }
    }

    /// The expected calibration error (Naeini et al. 2015) of each label and of all together, and for all together the
    /// share of correct predictions and the mean score of each bin that holds any.
    pub(crate) fn figures(&self, names: &[String]) -> Vec<Reliability> {
        let number = self.labels.first().map_or(0, Vec::len);
        let mut all = vec![Bin::default(); number];
        for bins in &self.labels {
            all.iter_mut().zip(bins).for_each(|(sum, bin)| sum.add(*bin));
        }
        let everything = ALL.to_owned();
        let labels = names.iter().zip(&self.labels).chain(std::iter::once((&everything, &all)));
        let mut figures: Vec<_> = labels.filter_map(|(label, bins)| calibration_error(label, bins)).collect();
        for (place, bin) in all.iter().enumerate().filter(|(_, bin)| bin.predicted > 0) {
            let edge = |place: usize| place as f64 / number as f64;
            let slice = format!("score={:.2}-{:.2}", edge(place), edge(place + 1));
            for (metric, value) in [("precision", bin.share()), ("confidence", bin.confidence())] {
                let (label, slice) = (ALL.to_owned(), slice.clone());
                figures.push(Reliability { label, slice, metric, value, counts: bin.counts() });
            }
        }
        figures
    }
}

fn calibration_error(label: &str, bins: &[Bin]) -> Option<Reliability> {
    let mut sum = Bin::default();
    for bin in bins {
        sum.add(*bin);
    }
    if sum.predicted == 0 {
        return None;
    }
    let off = |bin: &Bin| (bin.share() - bin.confidence()).abs() * bin.predicted as f64;
    let value = bins.iter().filter(|bin| bin.predicted > 0).map(off).sum::<f64>() / sum.predicted as f64;
    Some(Reliability { label: label.to_owned(), slice: String::new(), metric: "ece", value, counts: sum.counts() })
}

impl Bin {
    fn add(&mut self, other: Self) {
        self.predicted += other.predicted;
        self.correct += other.correct;
        self.scores += other.scores;
    }

    fn share(&self) -> f64 {
        self.correct as f64 / self.predicted as f64
    }

    fn confidence(&self) -> f64 {
        self.scores as f64 / UNIT / self.predicted as f64
    }

    const fn counts(&self) -> Counts {
        Counts { support: 0, predicted: self.predicted, correct: self.correct }
    }
}
