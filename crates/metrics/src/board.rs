//! Counts of each document, and the figures that follow from sums of them.

use crate::confusion::{accuracy, class_counts, matthews};
use crate::evaluate::{ALL, MACRO, MICRO};
use crate::{Counts, Figures, macro_average};

/// As many counts for each document, document by document. Everything that resamples works on this.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountTable {
    width: usize,
    cells: Vec<u32>,
}

impl CountTable {
    /// The counts of each document, all of one width.
    pub(crate) fn new(width: usize, documents: impl IntoIterator<Item = Vec<u32>>) -> Self {
        Self { width, cells: documents.into_iter().flatten().collect() }
    }

    /// The same documents' counts from several tables, side by side.
    pub(crate) fn beside(tables: &[&Self]) -> Self {
        let documents = tables.first().map_or(0, |table| table.documents());
        let rows =
            (0..documents).map(|document| tables.iter().flat_map(|table| table.row(document)).copied().collect());
        Self::new(tables.iter().map(|table| table.width).sum(), rows)
    }

    /// Neighbouring columns alone.
    pub(crate) fn columns(&self, from: usize, width: usize) -> Self {
        Self::new(width, self.rows().map(|row| row[from..from + width].to_vec()))
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn documents(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or_default()
    }

    pub(crate) fn row(&self, document: usize) -> &[u32] {
        &self.cells[document * self.width..(document + 1) * self.width]
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.documents()).map(|document| self.row(document))
    }

    /// Sums over all documents.
    pub(crate) fn total(&self) -> Vec<u64> {
        let mut sums = vec![0; self.width];
        for row in self.rows() {
            sums.iter_mut().zip(row).for_each(|(sum, &count)| *sum += u64::from(count));
        }
        sums
    }
}

/// One figure that a block gives.
#[derive(Clone, Debug)]
pub(crate) struct Figure<'b> {
    pub(crate) label: &'b str,
    pub(crate) metric: &'static str,
    pub(crate) counts: Counts,
    pub(crate) value: f64,
}

/// Figures that are read off neighbouring cells of a document's counts.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The baseline it is of; empty for the model.
    pub(crate) system: String,
    pub(crate) scheme: &'static str,
    /// `axis=value`, or empty.
    pub(crate) slice: String,
    /// Labels or classes, in the order of the cells.
    pub(crate) labels: Vec<String>,
    /// Its first cell.
    pub(crate) at: usize,
    pub(crate) content: Content,
}

/// What the cells of a block are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// Support, predicted and correct of each label.
    Mentions {
        /// Whether the average over labels is among the figures.
        macro_average: bool,
    },
    /// Gold classes by predicted classes; the last class stands for no relation.
    Confusion {
        /// Whether that last class is shown by itself.
        negative: bool,
        /// Whether all pairs that exist are known, so that accuracy and correlation mean something.
        complete: bool,
        /// The class that a baseline answers always.
        always: Option<usize>,
    },
}

impl Block {
    /// Its cells.
    pub(crate) fn width(&self) -> usize {
        match self.content {
            Content::Mentions { .. } => 3 * self.labels.len(),
            Content::Confusion { .. } => self.labels.len() * self.labels.len(),
        }
    }

    /// Appends its figures, always as many in the same order, for counts summed over some documents.
    pub(crate) fn figures<'b>(&'b self, sums: &[u64], figures: &mut Vec<Figure<'b>>) {
        let cells = &sums[self.at..self.at + self.width()];
        match self.content {
            Content::Mentions { macro_average: wanted } => {
                let counts = cells.chunks_exact(3);
                let counts = counts.map(|cell| Counts { support: cell[0], predicted: cell[1], correct: cell[2] });
                let labels = self.labels.len();
                self.averaged(&counts.collect::<Vec<_>>(), labels, labels, wanted, figures);
            }
            Content::Confusion { always: Some(class), .. } => {
                self.confusion(&answered_always(cells, self.labels.len(), class), figures);
            }
            Content::Confusion { .. } => self.confusion(cells, figures),
        }
    }

    fn confusion<'b>(&'b self, cells: &[u64], figures: &mut Vec<Figure<'b>>) {
        let Content::Confusion { negative, complete, .. } = self.content else { return };
        let classes = self.labels.len();
        let shown = if negative { classes } else { classes - 1 };
        self.averaged(&class_counts(cells, classes), shown, classes - 1, true, figures);
        if complete {
            let (all, correct) = (cells.iter().sum(), (0..classes).map(|class| cells[class * (classes + 1)]).sum());
            let counts = Counts { support: all, predicted: all, correct };
            let mut add = |metric, value| figures.push(Figure { label: ALL, metric, counts, value });
            add("accuracy", accuracy(cells, classes));
            add("mcc", matthews(cells, classes));
        }
    }

    /// Figures of the first `shown` labels, of the first `positive` together, and the average over all that occur.
    fn averaged<'b>(
        &'b self,
        counts: &[Counts],
        shown: usize,
        positive: usize,
        with_macro: bool,
        figures: &mut Vec<Figure<'b>>,
    ) {
        for (label, counts) in self.labels.iter().zip(&counts[..shown]) {
            add(label, *counts, counts.figures(), figures);
        }
        let total: Counts = counts[..positive].iter().copied().sum();
        add(MICRO, total, total.figures(), figures);
        if with_macro {
            add(MACRO, total, macro_average(counts.iter().copied()), figures);
        }
    }
}

fn add<'b>(label: &'b str, counts: Counts, values: Figures, figures: &mut Vec<Figure<'b>>) {
    for (metric, value) in [("precision", values.precision), ("recall", values.recall), ("f1", values.f1)] {
        figures.push(Figure { label, metric, counts, value });
    }
}

/// The confusion matrix if every pair were answered with one class.
fn answered_always(cells: &[u64], classes: usize, class: usize) -> Vec<u64> {
    let mut answered = vec![0; cells.len()];
    for (gold, row) in cells.chunks_exact(classes).enumerate() {
        answered[gold * classes + class] = row.iter().sum();
    }
    answered
}
