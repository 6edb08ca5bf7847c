use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::costs::{CostRow, cost_rows};
use crate::data::{DataTable, DropTable, data_table, drop_table};
use crate::errors::{ErrorSet, error_set};
use crate::lineage::{Lineage, lineage};
use crate::privacy::{Privacy, meaning, privacy};
use crate::scores::{Headline, ScoreSet, headlines, score_sets, whole};
use crate::steps::{StepRow, step_rows};
use crate::training::{Training, training};
use crate::{Report, ReportingError, Setting};

/// The page as the templates see it: everything placed, rounded and put into words.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    pipeline: &'a str,
    created_by: &'a str,
    labels: &'a [String],
    settings: &'a [Setting],
    sensitivity: &'static str,
    sensitivity_meaning: &'static str,
    headlines: Vec<Headline>,
    scores: Vec<ScoreSet>,
    errors: Vec<ErrorSet>,
    training: Option<Training>,
    data: Option<DataTable>,
    drops: Option<DropTable>,
    flags: Option<DropTable>,
    costs: Vec<CostRow>,
    privacy: Privacy,
    lineage: Option<Lineage>,
    steps: Vec<StepRow>,
}

/// Writes the report as one HTML file.
///
/// Errors: [`ReportingError::Template`], which no data should bring about.
pub fn render(report: &Report) -> Result<String, ReportingError> {
    let scores = whole(&report.scores);
    let page = Page {
        title: if report.title.is_empty() { &report.pipeline } else { &report.title },
        pipeline: &report.pipeline,
        created_by: &report.created_by,
        labels: &report.labels,
        settings: &report.settings,
        sensitivity: report.sensitivity.name(),
        sensitivity_meaning: meaning(report.sensitivity),
        headlines: headlines(&scores),
        scores: score_sets(&scores),
        errors: report.errors.iter().map(error_set).collect(),
        training: training(&report.history),
        data: data_table(report),
        drops: drop_table(&report.drops, "row"),
        flags: drop_table(&report.flags, "row"),
        costs: cost_rows(report),
        privacy: privacy(report),
        lineage: lineage(&report.steps),
        steps: step_rows(&report.steps),
    };
    Ok(environment()?.get_template("page.html")?.render(Value::from(Serde(page)))?)
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // Every text in a report may come from a language model or a corpus, so all is escaped, whatever its name.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

const TEMPLATES: [(&str, &str); 10] = [
    ("page.html", include_str!("page/page.html")),
    ("style.css", include_str!("page/style.css")),
    ("headline.html", include_str!("page/headline.html")),
    ("scores.html", include_str!("page/scores.html")),
    ("errors.html", include_str!("page/errors.html")),
    ("training.html", include_str!("page/training.html")),
    ("data.html", include_str!("page/data.html")),
    ("costs.html", include_str!("page/costs.html")),
    ("privacy.html", include_str!("page/privacy.html")),
    ("steps.html", include_str!("page/steps.html")),
];
