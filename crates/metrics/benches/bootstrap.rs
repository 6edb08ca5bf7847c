//! Cost of an evaluation with and without intervals, and of a comparison.

use clinsynth_contract::{Entity, Example, Prediction, ScoredSpan, Span};
use clinsynth_metrics::{Bootstrap, EvaluationSettings, IntervalMethod, Measure, System, Task, compare, evaluate};

fn main() {
    divan::main();
}

/// `number` documents of one sentence with three mentions, of which the model finds two in three.
fn corpus(number: u32) -> (Vec<Example>, Vec<Prediction>) {
    let labels = ["Disease", "Chemical"];
    let gold = |index: u32| Example {
        id: index.to_string(),
        document: index.to_string(),
        text: "x".repeat(120),
        entities: (0..3)
            .map(|k| Entity::new(Span::new(k * 30, k * 30 + 10), labels[(k + index) as usize % 2]))
            .collect(),
        ..Example::default()
    };
    let found = |example: &Example| Prediction {
        example: example.id.clone(),
        spans: (example.entities.iter().take(2))
            .map(|entity| ScoredSpan { start: entity.start, end: entity.end, label: entity.label.clone(), score: 0.9 })
            .collect(),
        ..Prediction::default()
    };
    let gold: Vec<Example> = (0..number).map(gold).collect();
    let predicted = gold.iter().map(found).collect();
    (gold, predicted)
}

#[divan::bench(args = [0, 1000])]
fn evaluate_5000_documents(bencher: divan::Bencher, samples: u32) {
    let (gold, predicted) = corpus(5000);
    let settings = EvaluationSettings {
        labels: vec!["Disease".into(), "Chemical".into()],
        bootstrap: Bootstrap { samples, ..Bootstrap::default() },
        ..EvaluationSettings::default()
    };
    bencher.bench_local(|| evaluate("bench", &gold, &predicted, &settings));
}

#[divan::bench(args = [false, true])]
fn compare_two_systems_of_5_runs_on_500_documents(bencher: divan::Bencher, bca: bool) {
    let (gold, one) = corpus(500);
    let mut other = one.clone();
    for prediction in other.iter_mut().step_by(7) {
        prediction.spans.clear();
    }
    let systems = [("one", &one), ("other", &other)]
        .map(|(name, run)| System { name: name.to_owned(), runs: vec![run.as_slice(); 5] });
    let method = if bca { IntervalMethod::Bca } else { IntervalMethod::Percentile };
    let settings = EvaluationSettings {
        labels: vec!["Disease".into(), "Chemical".into()],
        bootstrap: Bootstrap { samples: 10_000, method, ..Bootstrap::default() },
        ..EvaluationSettings::default()
    };
    let measure = Measure::of_task(&Task::Entities);
    bencher.bench_local(|| compare("bench", &gold, &systems, &measure, &settings));
}
