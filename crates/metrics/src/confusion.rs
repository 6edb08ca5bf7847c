//! Figures of a confusion matrix: one row for each gold class, one column for each predicted one.

use crate::Counts;

/// Support, predictions and hits of each class.
pub(crate) fn class_counts(cells: &[u64], classes: usize) -> Vec<Counts> {
    let counts = |class: usize| Counts {
        support: cells[class * classes..(class + 1) * classes].iter().sum(),
        predicted: cells.iter().skip(class).step_by(classes).sum(),
        correct: cells[class * (classes + 1)],
    };
    (0..classes).map(counts).collect()
}

/// Share of the diagonal; 0 for an empty matrix.
pub(crate) fn accuracy(cells: &[u64], classes: usize) -> f64 {
    let all: u64 = cells.iter().sum();
    let correct: u64 = (0..classes).map(|class| cells[class * (classes + 1)]).sum();
    if all == 0 { 0.0 } else { correct as f64 / all as f64 }
}

/// Matthews' correlation for any number of classes (Gorodkin 2004), as in scikit-learn: 0 when one side has one class only.
pub(crate) fn matthews(cells: &[u64], classes: usize) -> f64 {
    let counts = class_counts(cells, classes);
    let sum = |of: &dyn Fn(&Counts) -> f64| counts.iter().map(of).sum::<f64>();
    let (all, correct) = (sum(&|class| class.support as f64), sum(&|class| class.correct as f64));
    let both = correct * all - sum(&|class| class.support as f64 * class.predicted as f64);
    let gold = all * all - sum(&|class| (class.support as f64).powi(2));
    let predicted = all * all - sum(&|class| (class.predicted as f64).powi(2));
    if gold * predicted == 0.0 { 0.0 } else { both / (gold * predicted).sqrt() }
}
