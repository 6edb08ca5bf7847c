use clinsynth_contract::{Entity, ErrorCase, Score, ScoredSpan, Sensitivity, Span};
use clinsynth_reporting::{
    Count, DataCount, DropCount, ErrorSample, OutputSummary, Report, Setting, StepSummary, plots, render,
    render_markdown,
};

use sha2::{Digest, Sha256};

use crate::sample;

/// A page without its style, which a snapshot would only repeat.
fn body(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    let lines = head.lines().chain(body.lines()).map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

fn small() -> Report {
    let score = |metric: &str, value| Score {
        dataset: "dev".into(),
        scheme: "strict".into(),
        label: "micro avg".into(),
        metric: metric.into(),
        value,
        low: Some(value - 0.05),
        high: Some(value + 0.05),
        level: Some(0.95),
        support: 10,
        predicted: 12,
        correct: 8,
        sensitivity: Sensitivity::Public,
        ..Score::default()
    };
    let error = ErrorCase {
        example: "1".into(),
        text: "severe cystic fibrosis".into(),
        kind: "boundary".into(),
        gold: Some(Entity::new(Span::new(7, 22), "Disease")),
        predicted: Some(ScoredSpan { start: 0, end: 22, label: "Disease".into(), score: 0.75 }),
        sensitivity: Sensitivity::Public,
        ..ErrorCase::default()
    };
    Report {
        title: "Small".into(),
        pipeline: "ner".into(),
        created_by: "clinsynth 0.0.0".into(),
        labels: vec!["Disease".into()],
        settings: vec![Setting::new("Seed", "7")],
        steps: vec![StepSummary {
            id: "generate".into(),
            uses: "generate".into(),
            key: "0123456789abcdef".into(),
            outputs: vec![OutputSummary {
                name: "examples".into(),
                rows: Some(1_200),
                digest: "fedcba9876543210".into(),
                ..OutputSummary::default()
            }],
            ..StepSummary::default()
        }],
        data: vec![DataCount {
            name: "Sentences".into(),
            rows: 1_200,
            mentions: vec![Count::new("Disease", 900)],
            ..DataCount::default()
        }],
        drops: vec![DropCount { stage: "curate".into(), reason: "duplicate".into(), count: 3, ..DropCount::default() }],
        scores: vec![score("precision", 0.667), score("recall", 0.8), score("f1", 0.727)],
        errors: vec![ErrorSample {
            dataset: "dev".into(),
            counts: vec![Count::new("boundary", 1)],
            cases: vec![error],
            ..ErrorSample::default()
        }],
        ..Report::default()
    }
}

#[test]
fn a_small_report() {
    insta::assert_snapshot!(body(&render(&small()).unwrap()));
}

#[test]
fn a_small_report_in_markdown() {
    insta::assert_snapshot!(render_markdown(&small()).unwrap());
}

#[test]
fn a_comparison_in_markdown() {
    let mut report = sample::compared_report();
    report.scores.retain(|score| score.dataset == "NCBI-disease dev" && score.slice.is_empty());
    report.comparisons.truncate(2);
    let (scores, _) = report_parts(&render_markdown(&report).unwrap());
    insta::assert_snapshot!(scores);
}

/// The scores of a Markdown report, and what follows.
fn report_parts(markdown: &str) -> (String, String) {
    let (scores, rest) = markdown.split_once("\n## Errors").unwrap();
    (scores.to_owned(), rest.to_owned())
}

#[test]
fn markdown_quotes_no_text_of_the_data() {
    let report = sample::compared_report();
    let markdown = render_markdown(&report).unwrap();
    for case in report.errors.iter().flat_map(|sample| &sample.cases) {
        assert!(!markdown.contains(&case.text), "{}", case.text);
    }
    for example in report.drops.iter().flat_map(|drop| &drop.examples) {
        assert!(!markdown.contains(example.as_str()), "{example}");
    }
}

#[test]
fn every_chart_has_its_data() {
    let report = sample::compared_report();
    let plots = plots(&report);
    let names: Vec<_> = plots.iter().map(|plot| plot.name).collect();
    let expected = [
        "scores",
        "slices",
        "calibration",
        "learning-curves",
        "label-efficiency",
        "comparisons",
        "confusion",
        "errors",
        "training",
        "data",
        "set-aside",
        "costs",
        "lineage",
    ];
    assert_eq!(names, expected);
    let page = render(&report).unwrap();
    for plot in &plots {
        assert!(page.contains(&format!("<a download=\"{0}.csv\" href=\"data:text/csv", plot.name)), "{}", plot.name);
        let width = |line: &str| line.matches(',').count();
        let mut lines = plot.csv.lines();
        let header = width(lines.next().unwrap());
        // System names hold commas, and are quoted.
        assert!(lines.all(|line| width(line) == header || line.contains('"')), "{}", plot.name);
    }
    let rows = |name: &str| plots.iter().find(|plot| plot.name == name).unwrap().csv.lines().count() - 1;
    let whole = report.scores.iter().filter(|score| score.slice.is_empty()).count();
    assert_eq!(
        [rows("scores"), rows("learning-curves"), rows("label-efficiency"), rows("comparisons")],
        [whole, 9, 4, 36]
    );
}

#[test]
fn an_empty_report_is_a_page() {
    let page = render(&Report::default()).unwrap();
    assert!(page.contains("No request is on record.") && page.ends_with("</html>"), "{page}");
    for section in ["scores", "errors", "training", "data", "drops", "steps"] {
        assert!(!page.contains(&format!("id=\"{section}\"")), "{section}");
    }
}

#[test]
fn the_verdict_on_what_left_claims_no_more_than_is_known() {
    let said = |report: &Report| {
        let page = render(report).unwrap();
        let (_, rest) = page.split_once("<p class=\"statement\">").unwrap();
        let lines = rest.lines().take(2).map(|line| line.trim().trim_start_matches("<p>").trim_end_matches("</p>"));
        lines.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said(&Report::default()), "No request is on record. None of the steps below asked a language model.");
    assert_eq!(
        said(&sample::report()),
        "Nothing left this machine. None of the steps below sent a request. 402 completions came from recordings."
    );
    assert_eq!(
        said(&sample::live_report()),
        "Every request that left is on record. 1,612 requests went to 2 hosts; the most sensitive was restricted."
    );
}

/// The one script, between its tags.
fn script(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<script>")?;
    Some(rest.split_once("</script>")?.0)
}

#[test]
fn nothing_is_loaded_from_elsewhere_and_one_script_runs() {
    for report in [sample::report(), sample::live_report(), sample::compared_report()] {
        let page = render(&report).unwrap();
        assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"));
        for forbidden in ["://", "\"//", "<link", "<img", "<iframe", "<object", "@import", "url(h", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.len() < 1_000_000, "{} bytes", page.len());
    }
}

#[test]
fn only_our_script_is_let_run() {
    let page = render(&sample::report()).unwrap();
    let digest = Sha256::digest(script(&page).unwrap());
    let mut base64 = String::new();
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    for bytes in digest.chunks(3) {
        let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        let letters = (0..4)
            .map(|place| if place > bytes.len() { '=' } else { alphabet[(bits >> (18 - 6 * place) & 63) as usize] });
        base64.extend(letters);
    }
    let (_, rest) = page.split_once("script-src 'sha256-").unwrap();
    assert_eq!(rest.split_once('\'').unwrap().0, base64);
}

#[test]
fn every_score_is_in_the_table() {
    let report = sample::report();
    let page = render(&report).unwrap();
    for score in &report.scores {
        let shown = |value: f64| format!("{:.1}", value * 100.0);
        let cell = format!(
            "<td class=\"number\">{}<small>{}–{}</small></td>",
            shown(score.value),
            shown(score.low.unwrap()),
            shown(score.high.unwrap())
        );
        assert!(page.contains(&cell), "{score:?}");
    }
}

#[test]
fn a_report_of_a_whole_paper_stays_below_five_megabytes() {
    let report = sample::large_report();
    let page = render(&report).unwrap();
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.contains("Steps with all their instances") && page.contains("<code>plots/comparisons.csv</code>"));
    let markdown = render_markdown(&report).unwrap();
    // What GitHub takes as the text of a pull request.
    assert!(markdown.chars().count() < 65_536, "{} characters", markdown.chars().count());
}

/// Puts one hostile text wherever a report takes text.
fn hostile(report: &Report, text: &str) -> Report {
    let mut value = serde_json::to_value(report).unwrap();
    replace(&mut value, text);
    serde_json::from_value(value).unwrap()
}

fn replace(value: &mut serde_json::Value, text: &str) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                if name != "sensitivity" {
                    replace(field, text);
                }
            }
        }
        serde_json::Value::String(string) => text.clone_into(string),
        _ => {}
    }
}

const ATTACKS: [&str; 5] = [
    "</style><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% include 'page.html' %}",
    "</title></svg></table><h1>",
];

#[test]
fn hostile_text_stays_text() {
    for report in [sample::report(), sample::compared_report()] {
        let plain = render(&hostile(&report, "x")).unwrap();
        let tags = |page: &str| page.matches('<').count();
        for attack in ATTACKS {
            let page = render(&hostile(&report, attack)).unwrap();
            assert!(!page.contains(attack) || attack.starts_with("{{"), "{attack}");
            assert_eq!(page.matches("<script").count(), 1, "{attack}");
            assert!(!page.contains("<img") && !page.contains("' onmouseover"), "{attack}");
            assert!(!page.contains("49{%"), "{attack}");
            // Marks cut the text differently with its length, which is the only markup that may differ.
            let marks = |page: &str| page.matches("<mark").count() * 2;
            assert_eq!(tags(&page) - marks(&page), tags(&plain) - marks(&plain), "{attack}");
        }
    }
}

#[test]
fn hostile_text_stays_text_in_markdown() {
    let report = sample::compared_report();
    let bars = |markdown: &str| {
        let unescaped = |line: &str| line.replace("\\|", "").matches('|').count();
        markdown.lines().map(unescaped).collect::<Vec<_>>()
    };
    let plain = render_markdown(&hostile(&report, "x")).unwrap();
    for attack in ATTACKS.into_iter().chain(["a | b\n# c", "`` | `", "@everyone"]) {
        let markdown = render_markdown(&hostile(&report, attack)).unwrap();
        // What stands between backticks is code.
        let text = markdown.replace("\\`", "").split('`').step_by(2).collect::<String>();
        assert!(!text.contains('<'), "{attack}: {text}");
        assert!(!markdown.lines().any(|line| line.starts_with("# c")), "{attack}");
        assert_eq!(bars(&markdown), bars(&plain), "{attack}");
    }
}

/// Relative luminance of `#rrggbb`, as WCAG 2.2 defines it.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn text_stands_out_from_its_background_in_light_and_dark() {
    let page = render(&Report::default()).unwrap();
    let (_, style) = page.split_once("<style>").unwrap();
    let (light, rest) = style.split_once("@media screen and (prefers-color-scheme: dark)").unwrap();
    for (mode, colours) in [("light", light), ("dark", &rest[..rest.find("*, *").unwrap()])] {
        let colour = |name: &str| {
            let (_, value) =
                colours.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("no {name} in {mode}"));
            luminance(&value[..7])
        };
        let texts = ["ink", "soft", "accent", "gold", "predicted", "public", "synthetic", "aggregate", "restricted"];
        let on_plain = texts.iter().flat_map(|text| [(*text, "paper"), (*text, "surface")]);
        for (text, background) in on_plain.chain([
            ("ink", "predicted-wash"),
            ("ink", "accent-wash"),
            ("accent", "accent-wash"),
            ("ink", "miss-wash"),
        ]) {
            let (one, other) = (colour(text), colour(background));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "{text} on {background} in {mode} has a contrast of {contrast:.2}");
        }
    }
}
