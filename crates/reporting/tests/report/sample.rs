//! A report of the size and shape that the default pipeline makes, with figures and sentences made up for it.

use clinsynth_contract::{Comparison, Digest, Entity, ErrorCase, HistoryPoint, Score, ScoredSpan, Sensitivity, Span};
use clinsynth_reporting::{
    Count, DataCount, DropCount, Efficiency, EgressSummary, ErrorSample, HostCount, LabelPair, NotRun, OutputSummary,
    Published, Report, Setting, StepCost, StepSummary, TrainingRun,
};

pub(crate) fn report() -> Report {
    Report {
        title: "Diseases and chemicals from synthetic sentences".into(),
        pipeline: "ner".into(),
        created_by: "clinsynth 0.1.0".into(),
        labels: vec!["Disease".into(), "Chemical".into()],
        settings: vec![
            Setting::new("Encoder", "all-MiniLM-L6-v2, 22.7 M parameters"),
            Setting::new("Text written by", "claude (recorded)"),
            Setting::new("Seed", "0"),
            Setting::new("Recipe", "4 epochs, learning rate 3e-4, 2,048 tokens a batch"),
            Setting::new("Machine", "2 cores, CPU"),
            Setting::new("Training time", "3 min 12 s"),
        ],
        steps: steps(),
        data: data(),
        drops: drops(),
        flags: vec![drop(
            "curate",
            "labelled_elsewhere",
            "A string that is a mention in other sentences stands here without a label.",
            61,
            &["Renal failure was the commonest reason for withdrawal."],
        )],
        history: vec![TrainingRun { name: "train".into(), points: history() }],
        scores: scores(),
        errors: errors(),
        egress: EgressSummary { hosts: vec![], replayed: 402 },
        sensitivity: Sensitivity::Public,
        ..Report::default()
    }
}

/// The same with a live endpoint and three seeds.
pub(crate) fn live_report() -> Report {
    let mut report = report();
    report.egress = EgressSummary {
        hosts: vec![
            host("llm.internal:8000", 1_210, 14, 3_480_112, Sensitivity::Restricted),
            host("api.example.org:443", 402, 3, 1_204_551, Sensitivity::Public),
        ],
        replayed: 0,
    };
    report.costs = vec![StepCost {
        step: "generate".into(),
        completions: 1_593,
        attempts: 1_612,
        prompt_tokens: 402_113,
        completion_tokens: 911_220,
        charged_tokens: 1_316_009,
        micros: 607_049,
        currency: Some("USD".into()),
        prices_as_of: Some("2026-11-01".into()),
    }];
    report.sensitivity = Sensitivity::Restricted;
    report.history =
        (0..3).map(|seed| TrainingRun { name: format!("train@seed={seed}"), points: shifted(seed) }).collect();
    report.steps = matrix_steps();
    report
}

/// Two-stage training against training on gold alone, over numbers of gold examples, with all that a comparison brings.
pub(crate) fn compared_report() -> Report {
    let mut report = live_report();
    let dataset = "NCBI-disease dev";
    let systems = systems();
    report.scores.retain(|score| score.dataset != dataset);
    let (mut scores, mut errors) = (Vec::new(), Vec::new());
    for (rank, (name, f1)) in systems.iter().enumerate() {
        scores.extend(system_scores(dataset, name, *f1, rank));
        let mut sample = self::errors().remove(0);
        sample.system.clone_from(name);
        sample.cases.truncate(if rank < 3 { 11 - 3 * rank } else { 0 });
        let pair = |gold: Option<&str>, predicted: Option<&str>, count| LabelPair {
            gold: gold.map(str::to_owned),
            predicted: predicted.map(str::to_owned),
            count,
        };
        sample.pairs = vec![
            pair(Some("Disease"), Some("Disease"), 81),
            pair(Some("Disease"), None, 98),
            pair(None, Some("Disease"), 184),
        ];
        errors.push(sample);
    }
    for (first, one) in systems.iter().enumerate() {
        for other in &systems[first + 1..] {
            report.comparisons.push(comparison(dataset, one, other));
        }
    }
    scores.extend(report.scores);
    report.scores = scores;
    report.errors = errors;
    report.efficiency = Some(Efficiency { axis: "init".into(), without: "encoder".into(), with: "synthetic".into() });
    report.published = vec![
        published(dataset, "Zero-shot, as published", 0.3593),
        published("GAD", "Trained on synthetic sentences", 0.8359),
    ];
    report.not_run = vec![NotRun { id: "gad".into(), uses: "import".into(), reason: "its `if` is \"\"".into() }];
    report
}

/// Of the size that a whole paper makes: five evaluation sets, forty systems each of five seeds, compared in all pairs.
pub(crate) fn large_report() -> Report {
    let mut report = live_report();
    (report.scores, report.errors) = (Vec::new(), Vec::new());
    for dataset in ["NCBI-disease", "BC5CDR-disease", "BC5CDR-chemical", "GAD", "EU-ADR"] {
        let number = |encoder: u32, place: u32| {
            let name = format!("predict@encoder=encoder-{encoder},size={}", 50 * 2_u32.pow(place));
            (name, 0.5 + 0.05 * f64::from(place) + 0.01 * f64::from(encoder))
        };
        let systems: Vec<_> = (0..5).flat_map(|encoder| (0..8).map(move |place| number(encoder, place))).collect();
        for (first, one) in systems.iter().enumerate() {
            report.scores.extend(system_scores(dataset, &one.0, one.1, 0));
            report.comparisons.extend(systems[first + 1..].iter().map(|other| comparison(dataset, one, other)));
            let mut sample = self::errors().remove(0);
            (sample.dataset, sample.system) = (dataset.to_owned(), one.0.clone());
            sample.cases.truncate(2);
            report.errors.push(sample);
        }
    }
    report.history =
        (0..500).map(|seed| TrainingRun { name: format!("train@seed={seed}"), points: shifted(seed) }).collect();
    let level = Sensitivity::Synthetic;
    for seed in 0..500 {
        let (train, predict) = (format!("train@seed={seed}"), format!("predict@seed={seed}"));
        report.steps.push(step(
            &train,
            "train",
            &["curate"],
            &[("model", None, None), ("history", None, Some(9))],
            level,
        ));
        report.steps.push(step(&predict, "predict", &[&train], &[("predictions", None, Some(923))], level));
    }
    report
}

fn systems() -> Vec<(String, f64)> {
    let name = |init: &str, size: &str| format!("predict@init={init},size={size}");
    let curve = |init: &'static str, points: [(&'static str, f64); 5]| {
        points.into_iter().filter(|(_, f1)| *f1 > 0.0).map(move |(size, f1)| (name(init, size), f1))
    };
    let synthetic = [("0", 0.681), ("50", 0.702), ("200", 0.741), ("1000", 0.792), ("all", 0.823)];
    let encoder = [("0", 0.0), ("50", 0.412), ("200", 0.603), ("1000", 0.752), ("all", 0.815)];
    let mut systems: Vec<_> = curve("synthetic", synthetic).chain(curve("encoder", encoder)).collect();
    systems.sort_by(|one, other| other.1.total_cmp(&one.1));
    systems
}

fn system_scores(dataset: &str, system: &str, f1: f64, rank: usize) -> Vec<Score> {
    let score = |scheme: &str, slice: &str, label: &str, metric: &str, value: f64| Score {
        dataset: dataset.into(),
        system: system.into(),
        scheme: scheme.into(),
        slice: slice.into(),
        label: label.into(),
        metric: metric.into(),
        value,
        low: Some(value - 0.021),
        high: Some(value + 0.019),
        level: Some(0.95),
        interval: Some("t".into()),
        runs: 3,
        sd: Some(0.008),
        support: 3 * 787,
        predicted: 3 * 801,
        correct: 3 * 604,
        sensitivity: Sensitivity::Public,
        ..Score::default()
    };
    let mut scores = Vec::new();
    for label in ["Disease", "micro avg", "macro avg"] {
        for (metric, value) in [("precision", f1 - 0.03), ("recall", f1 + 0.03), ("f1", f1)] {
            scores.push(score("strict", "", label, metric, value));
            scores.push(score("relaxed", "", label, metric, value + 0.11));
        }
    }
    let letters = ["a", "ab", "b", "bc", "c", "d", "d", "e", "f"];
    scores.push(Score { letters: Some(letters[rank].into()), ..score("strict", "", "micro avg", "f1", f1) });
    scores.remove(10);
    for (slice, shift) in
        [("seen=yes", 0.14), ("seen=no", -0.16), ("words=1", 0.05), ("words=2", 0.01), ("words=3", -0.06)]
    {
        scores.push(score("strict", slice, "micro avg", "f1", f1 + shift));
    }
    for (bin, share) in [("0.50-0.60", 0.31), ("0.70-0.80", 0.55), ("0.90-1.00", 0.91)] {
        let middle = bin[..4].parse::<f64>().unwrap_or_default() + 0.05;
        let predicted = (share * 900.0) as u64;
        let bare = |metric: &str, value| Score {
            low: None,
            high: None,
            predicted,
            ..score("strict", &format!("score={bin}"), "all", metric, value)
        };
        scores.extend([bare("precision", share), bare("confidence", middle)]);
    }
    scores.push(Score { low: None, high: None, support: 0, ..score("strict", "", "all", "ece", 0.041) });
    scores
}

fn comparison(dataset: &str, one: &(String, f64), other: &(String, f64)) -> Comparison {
    let difference = one.1 - other.1;
    let p = (-difference * 90.0).exp();
    Comparison {
        dataset: dataset.into(),
        scheme: "strict".into(),
        label: "micro avg".into(),
        metric: "f1".into(),
        system: one.0.clone(),
        other: other.0.clone(),
        system_value: one.1,
        other_value: other.1,
        difference,
        low: Some(difference - 0.018),
        high: Some(difference + 0.018),
        level: Some(0.95),
        p_bootstrap: Some(p),
        p_bootstrap_holm: Some((p * 9.0).min(1.0)),
        p_randomisation: Some(p),
        p_randomisation_holm: Some((p * 9.0).min(1.0)),
        sensitivity: Sensitivity::Public,
    }
}

fn published(dataset: &str, system: &str, value: f64) -> Published {
    Published {
        dataset: dataset.into(),
        system: system.into(),
        label: "micro avg".into(),
        metric: "f1".into(),
        value,
        source: "a paper, table 1".into(),
    }
}

fn host(host: &str, requests: u64, failed: u64, bytes: u64, sensitivity: Sensitivity) -> HostCount {
    HostCount { host: host.into(), requests, failed, bytes, sensitivity }
}

fn step(
    id: &str,
    uses: &str,
    needs: &[&str],
    outputs: &[(&str, Option<&str>, Option<u64>)],
    level: Sensitivity,
) -> StepSummary {
    let output = |&(name, table, rows): &(&str, Option<&str>, Option<u64>)| OutputSummary {
        name: name.into(),
        table: table.map(String::from),
        rows,
        digest: Digest::of(format!("{id}.{name}").as_bytes()).to_string(),
        sensitivity: level,
    };
    StepSummary {
        id: id.into(),
        uses: uses.into(),
        key: Digest::of(id.as_bytes()).to_string(),
        needs: needs.iter().map(|&need| need.into()).collect(),
        outputs: outputs.iter().map(output).collect(),
        sensitivity: level,
    }
}

fn steps() -> Vec<StepSummary> {
    let (public, synthetic) = (Sensitivity::Public, Sensitivity::Synthetic);
    vec![
        step(
            "generate",
            "generate",
            &[],
            &[
                ("completions", Some("completions"), Some(402)),
                ("examples", Some("examples"), Some(3_322)),
                ("quarantine", Some("quarantine"), Some(41)),
            ],
            synthetic,
        ),
        step(
            "curate",
            "curate",
            &["generate"],
            &[("examples", Some("examples"), Some(3_105)), ("quarantine", Some("quarantine"), Some(217))],
            synthetic,
        ),
        step("benchmark", "import", &[], &[("examples", Some("examples"), Some(923))], public),
        step(
            "train",
            "train",
            &["curate"],
            &[("model", None, None), ("history", Some("history"), Some(104))],
            synthetic,
        ),
        step(
            "predict",
            "predict",
            &["train", "benchmark"],
            &[("predictions", Some("predictions"), Some(923))],
            synthetic,
        ),
        step(
            "evaluate",
            "evaluate",
            &["predict", "benchmark"],
            &[("scores", Some("scores"), Some(24)), ("errors", Some("errors"), Some(512))],
            public,
        ),
        step("report", "report", &["evaluate", "train", "curate", "generate"], &[("report.html", None, None)], public),
    ]
}

fn matrix_steps() -> Vec<StepSummary> {
    let mut steps = steps();
    steps.truncate(3);
    let level = Sensitivity::Restricted;
    steps[2].sensitivity = level;
    steps[2].outputs[0].sensitivity = level;
    let mut evaluations = Vec::new();
    for seed in 0..3 {
        let (train, predict) = (format!("train@seed={seed}"), format!("predict@seed={seed}"));
        let evaluate = format!("evaluate@seed={seed}");
        steps.push(step(&train, "train", &["curate"], &[("model", None, None)], Sensitivity::Synthetic));
        steps.push(step(
            &predict,
            "predict",
            &[&train, "benchmark"],
            &[("predictions", Some("predictions"), Some(923))],
            level,
        ));
        steps.push(step(
            &evaluate,
            "evaluate",
            &[&predict, "benchmark"],
            &[("scores", Some("scores"), Some(24))],
            Sensitivity::Aggregate,
        ));
        evaluations.push(evaluate);
    }
    let mut needs: Vec<&str> = evaluations.iter().map(String::as_str).collect();
    needs.push("curate");
    steps.push(step("report", "report", &needs, &[("report.html", None, None)], level));
    steps
}

fn data() -> Vec<DataCount> {
    let row = |name: &str, rows, mentions: &[(&str, u64)], splits: &[(&str, u64)], sensitivity| DataCount {
        name: name.into(),
        rows,
        mentions: mentions.iter().map(|&(name, count)| Count::new(name, count)).collect(),
        splits: splits.iter().map(|&(name, count)| Count::new(name, count)).collect(),
        sensitivity,
    };
    vec![
        row("Parsed sentences", 3_322, &[("Disease", 4_381), ("Chemical", 2_942)], &[], Sensitivity::Synthetic),
        row(
            "Curated sentences",
            3_105,
            &[("Disease", 4_102), ("Chemical", 2_760)],
            &[("train", 2_794), ("dev", 311)],
            Sensitivity::Synthetic,
        ),
        row("NCBI-disease dev", 923, &[("Disease", 787)], &[], Sensitivity::Public),
    ]
}

fn drop(stage: &str, reason: &str, meaning: &str, count: u64, examples: &[&str]) -> DropCount {
    DropCount {
        stage: stage.into(),
        reason: reason.into(),
        meaning: meaning.into(),
        count,
        examples: examples.iter().map(|&example| example.into()).collect(),
    }
}

fn drops() -> Vec<DropCount> {
    vec![
        drop(
            "generate",
            "mention_not_found",
            "A mention does not occur in its sentence.",
            29,
            &["Serum creatinine rose after gentamicin. — `kidney injury`"],
        ),
        drop(
            "generate",
            "truncated_json",
            "The completion breaks off; the examples before the break were kept.",
            12,
            &[],
        ),
        drop(
            "curate",
            "near_duplicate",
            "Another sentence is the same but for a few words.",
            148,
            &["Cystic fibrosis is caused by mutations in CFTR.", "Cystic fibrosis is caused by variants in CFTR."],
        ),
        drop("curate", "duplicate", "Another sentence is the same.", 37, &["The patient denied chest pain."]),
        drop("curate", "too_short", "Fewer than four words.", 19, &["No seizures."]),
        drop("curate", "benchmark_overlap", "The sentence shares a long passage with the benchmark.", 13, &[]),
    ]
}

fn history() -> Vec<HistoryPoint> {
    shifted(0)
}

fn shifted(seed: u32) -> Vec<HistoryPoint> {
    let total = 500_u64;
    let mut points = Vec::new();
    for step in (5..=total).step_by(5) {
        let passed = step as f64 / total as f64;
        let wave = (f64::from(seed).mul_add(2.1, step as f64) * 0.9).sin() * 0.012 / (1.0 + 3.0 * passed);
        let loss = 1.05 * (-passed * 14.0).exp() + 0.075 * (-passed * 1.6).exp() + wave;
        points.push(HistoryPoint {
            step,
            epoch: passed * 4.0,
            loss: Some(loss.max(0.004)),
            learning_rate: 3e-4 * (1.0 - passed),
            gradient_norm: Some(0.8),
            ..HistoryPoint::default()
        });
        if step % 125 == 0 {
            let epoch = (step / 125) as usize - 1;
            let bump = f64::from(seed) * 0.006;
            points.push(HistoryPoint {
                step,
                epoch: (epoch + 1) as f64,
                dev_loss: Some([0.0912, 0.0744, 0.0731, 0.0739][epoch] + bump),
                dev_precision: Some([0.781, 0.829, 0.846, 0.842][epoch] - bump),
                dev_recall: Some([0.812, 0.851, 0.858, 0.861][epoch] - bump),
                dev_f1: Some([0.796, 0.840, 0.852, 0.851][epoch] - bump),
                learning_rate: 3e-4 * (1.0 - passed),
                ..HistoryPoint::default()
            });
        }
    }
    points
}

fn scores() -> Vec<Score> {
    let mut scores = Vec::new();
    let mut add = |dataset: &str, label: &str, strict: [f64; 3], relaxed: [f64; 3], half: f64, counts: [u64; 4]| {
        for (scheme, values, correct) in [("strict", strict, counts[2]), ("relaxed", relaxed, counts[3])] {
            for (metric, value) in ["precision", "recall", "f1"].into_iter().zip(values) {
                scores.push(Score {
                    dataset: dataset.into(),
                    scheme: scheme.into(),
                    label: label.into(),
                    metric: metric.into(),
                    value,
                    low: Some(value - half * 1.1),
                    high: Some(value + half),
                    level: Some(0.95),
                    support: counts[0],
                    predicted: counts[1],
                    correct,
                    sensitivity: Sensitivity::Public,
                    ..Score::default()
                });
            }
        }
    };
    let ncbi = ([0.691, 0.768, 0.7274], [0.824, 0.903, 0.8617]);
    add("NCBI-disease dev", "Disease", ncbi.0, ncbi.1, 0.027, [787, 875, 604, 721]);
    add("NCBI-disease dev", "micro avg", ncbi.0, ncbi.1, 0.027, [787, 875, 604, 721]);
    add("NCBI-disease dev", "macro avg", ncbi.0, ncbi.1, 0.027, [787, 875, 604, 721]);
    add("BC5CDR dev", "Disease", [0.652, 0.699, 0.6747], [0.803, 0.861, 0.8310], 0.014, [4_244, 4_550, 2_967, 3_654]);
    add("BC5CDR dev", "Chemical", [0.829, 0.792, 0.8101], [0.881, 0.842, 0.8611], 0.012, [5_347, 5_108, 4_235, 4_500]);
    add("BC5CDR dev", "micro avg", [0.743, 0.751, 0.7470], [0.844, 0.850, 0.8472], 0.010, [9_591, 9_658, 7_202, 8_154]);
    add("BC5CDR dev", "macro avg", [0.741, 0.746, 0.7424], [0.842, 0.852, 0.8461], 0.011, [9_591, 9_658, 7_202, 8_154]);
    scores
}

/// An error in `text`; gold and predicted mentions are given by their words.
fn case(kind: &str, text: &str, gold: Option<(&str, &str)>, predicted: Option<(&str, &str, f32)>) -> ErrorCase {
    let span = |words: &str| {
        let byte = text.find(words).unwrap_or_default();
        let start = text[..byte].chars().count() as u32;
        Span::new(start, start + words.chars().count() as u32)
    };
    ErrorCase {
        example: Digest::of(text.as_bytes()).short().into(),
        text: text.into(),
        kind: kind.into(),
        gold: gold.map(|(words, label)| Entity::new(span(words), label)),
        predicted: predicted.map(|(words, label, score)| ScoredSpan {
            start: span(words).start,
            end: span(words).end,
            label: label.into(),
            score,
        }),
        sensitivity: Sensitivity::Public,
        ..ErrorCase::default()
    }
}

fn errors() -> Vec<ErrorSample> {
    let family = "Carriers of the founder mutation were followed for early-onset familial breast cancer and, from the second year on, for epithelial ovarian carcinoma in a joint clinic.";
    let long = "The cohort was assembled between 1994 and 2003 from eleven regional registries, with central review of every slide by two pathologists who were unaware of genotype. In keeping with earlier work, loss of heterozygosity was most frequent in serous papillary tumours of the ovary, less so in endometrioid tumours, and absent from borderline lesions, which were therefore left out of the survival analysis that follows in the next section of this report, together with all cases of unknown stage.";
    let cases = vec![
        case(
            "boundary",
            family,
            Some(("early-onset familial breast cancer", "Disease")),
            Some(("familial breast cancer", "Disease", 0.94)),
        ),
        case(
            "boundary",
            family,
            Some(("epithelial ovarian carcinoma", "Disease")),
            Some(("ovarian carcinoma", "Disease", 0.91)),
        ),
        case(
            "boundary",
            long,
            Some(("serous papillary tumours of the ovary", "Disease")),
            Some(("papillary tumours", "Disease", 0.63)),
        ),
        case(
            "boundary",
            "Both brothers had Friedreich’s ataxia, confirmed by expansion testing.",
            Some(("Friedreich’s ataxia", "Disease")),
            Some(("ataxia", "Disease", 0.71)),
        ),
        case(
            "boundary",
            "A recessive form of limb-girdle muscular dystrophy maps to the same arm.",
            Some(("limb-girdle muscular dystrophy", "Disease")),
            Some(("recessive form of limb-girdle muscular dystrophy", "Disease", 0.82)),
        ),
        case(
            "label",
            "Lactate accumulated within minutes of the infusion.",
            Some(("Lactate", "Chemical")),
            Some(("Lactate", "Disease", 0.51)),
        ),
        case(
            "both",
            "Iron overload was noted at autopsy in two of five.",
            Some(("Iron overload", "Disease")),
            Some(("Iron", "Chemical", 0.77)),
        ),
        case(
            "missed",
            "He was tested because two uncles had died of the condition before the age of 30; HNPCC was suspected.",
            Some(("HNPCC", "Disease")),
            None,
        ),
        case(
            "missed",
            "Colour blindness was reported by three of the men.",
            Some(("Colour blindness", "Disease")),
            None,
        ),
        case(
            "spurious",
            "Growth retardation in the mutant line was reversed by the transgene.",
            None,
            Some(("Growth retardation", "Disease", 0.86)),
        ),
        case("spurious", "Tumour suppression requires the second domain.", None, Some(("Tumour", "Disease", 0.58))),
    ];
    let counts = [("missed", 98), ("spurious", 184), ("boundary", 81), ("label", 3), ("both", 6)];
    let counts = counts.map(|(name, count)| Count::new(name, count)).to_vec();
    vec![ErrorSample { dataset: "NCBI-disease dev".into(), counts, cases, ..ErrorSample::default() }]
}
