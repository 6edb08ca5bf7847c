use std::collections::BTreeMap;
use std::fmt::Write;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value, escape_formatter};
use serde::Serialize;

use crate::costs::{CostRow, cost_rows};
use crate::data::{DataTable, DropTable, data_table, drop_table};
use crate::efficiency::missing;
use crate::errors::{ErrorSet, Filter, error_sets, filter};
use crate::lineage::{Lineage, lineage};
use crate::overview::elsewhere;
use crate::plots::plots;
use crate::privacy::{Privacy, meaning, privacy};
use crate::scores::{Headline, ScoreSet, headlines, metric_name, score_sets, value_text};
use crate::sets::{evaluation_sets, shown_names};
use crate::steps::{StepRow, step_rows};
use crate::training::{Training, training};
use crate::{NotRun, Report, ReportingError, Setting};

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
    published: Vec<Elsewhere<'a>>,
    /// What was asked of learning curves and is not there.
    no_efficiency: Option<String>,
    errors: Vec<ErrorSet>,
    filter: Filter,
    training: Option<Training>,
    data: Option<DataTable>,
    drops: Option<DropTable>,
    flags: Option<DropTable>,
    costs: Vec<CostRow>,
    privacy: Privacy,
    lineage: Option<Lineage>,
    steps: Vec<StepRow>,
    not_run: &'a [NotRun],
    files: BTreeMap<&'static str, String>,
}

/// A published figure of data that was not evaluated here.
#[derive(Serialize)]
struct Elsewhere<'a> {
    dataset: &'a str,
    system: &'a str,
    label: &'a str,
    metric: String,
    value: String,
    source: &'a str,
}

/// Files up to this size, in bytes, are part of the page; a larger one is only named, or it would fill the page.
const LARGEST_FILE: usize = 150_000;

/// Writes the report as one HTML file, with the data of its charts for download.
///
/// Errors: [`ReportingError::Template`], which no data should bring about.
pub fn render(report: &Report) -> Result<String, ReportingError> {
    Ok(environment()?.get_template("page.html")?.render(Value::from(Serde(page(report, true))))?)
}

/// Writes the report as Markdown for a pull request: figures, and no text of the data.
///
/// Errors: [`ReportingError::Template`], which no data should bring about.
pub fn render_markdown(report: &Report) -> Result<String, ReportingError> {
    Ok(environment()?.get_template("report.md")?.render(Value::from(Serde(page(report, false))))?)
}

fn page(report: &Report, with_files: bool) -> Page<'_> {
    let sets = evaluation_sets(report);
    let errors = error_sets(&report.errors, &shown_names(&sets));
    Page {
        title: if report.title.is_empty() { &report.pipeline } else { &report.title },
        pipeline: &report.pipeline,
        created_by: &report.created_by,
        labels: &report.labels,
        settings: &report.settings,
        sensitivity: report.sensitivity.name(),
        sensitivity_meaning: meaning(report.sensitivity),
        headlines: headlines(&sets),
        no_efficiency: report.efficiency.as_ref().and_then(|settings| missing(&sets, settings)),
        scores: score_sets(&sets, report),
        published: elsewhere(&sets, &report.published).into_iter().map(published).collect(),
        filter: filter(&errors),
        errors,
        training: training(&report.history),
        data: data_table(report),
        drops: drop_table(&report.drops, "row"),
        flags: drop_table(&report.flags, "row"),
        costs: cost_rows(report),
        privacy: privacy(report),
        lineage: lineage(&report.steps, &report.not_run),
        steps: step_rows(&report.steps),
        not_run: &report.not_run,
        files: if with_files { files(report) } else { BTreeMap::new() },
    }
}

fn published(row: &crate::Published) -> Elsewhere<'_> {
    Elsewhere {
        dataset: &row.dataset,
        system: &row.system,
        label: &row.label,
        metric: metric_name(&row.metric),
        value: value_text(&row.metric, row.value),
        source: &row.source,
    }
}

/// The charts' data by name, as addresses that hold it; empty for a file that is too large.
fn files(report: &Report) -> BTreeMap<&'static str, String> {
    let address = |csv: &str| if csv.len() > LARGEST_FILE { String::new() } else { data_address(csv) };
    plots(report).into_iter().map(|plot| (plot.name, address(&plot.csv))).collect()
}

/// A `data:` address (RFC 2397) of a CSV file.
fn data_address(csv: &str) -> String {
    let mut address = "data:text/csv;charset=utf-8,".to_owned();
    for byte in csv.bytes() {
        if byte.is_ascii_alphanumeric() || b",.-_".contains(&byte) {
            address.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

const MARKDOWN: &str = "markdown";

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // Every text in a report may come from a language model or a corpus, so all is escaped, whatever its name.
    environment.set_auto_escape_callback(|name| match name {
        "report.md" => AutoEscape::Custom(MARKDOWN.into()),
        _ => AutoEscape::Html,
    });
    environment.set_formatter(format);
    environment.add_filter("capital", capital);
    environment.add_filter("code", |text: String| Value::from_safe_string(code(&text)));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if *state.auto_escape() != AutoEscape::Custom(MARKDOWN.into()) {
        return escape_formatter(out, state, value);
    }
    let text = if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() };
    let text = if value.is_safe() { text } else { plain_markdown(&text) };
    Ok(out.write_str(&text)?)
}

/// A text that Markdown shows as it is, on one line.
fn plain_markdown(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => plain.push(' '),
            '<' => plain.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '&' | '>' => plain.extend(['\\', letter]),
            // A joiner without width, or a name after `@` would be told of the pull request.
            '@' => plain.push_str("@\u{2060}"),
            _ => plain.push(letter),
        }
    }
    plain
}

/// A name at the start of a heading.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A text as code, within a table as well.
fn code(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if "`|\n\r".contains(letter) { '\'' } else { letter }).collect();
    format!("`{plain}`")
}

const TEMPLATES: [(&str, &str); 18] = [
    ("page.html", include_str!("page/page.html")),
    ("style.css", include_str!("page/style.css")),
    ("browser.js", include_str!("page/browser.js")),
    ("files.html", include_str!("page/files.html")),
    ("headline.html", include_str!("page/headline.html")),
    ("scores.html", include_str!("page/scores.html")),
    ("overview.html", include_str!("page/overview.html")),
    ("curves.html", include_str!("page/curves.html")),
    ("comparisons.html", include_str!("page/comparisons.html")),
    ("system.html", include_str!("page/system.html")),
    ("published.html", include_str!("page/published.html")),
    ("errors.html", include_str!("page/errors.html")),
    ("training.html", include_str!("page/training.html")),
    ("data.html", include_str!("page/data.html")),
    ("costs.html", include_str!("page/costs.html")),
    ("privacy.html", include_str!("page/privacy.html")),
    ("steps.html", include_str!("page/steps.html")),
    ("report.md", include_str!("page/report.md")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_shows_text_as_it_is() {
        assert_eq!(plain_markdown("a|b <img> `x`\n*y* @z"), "a\\|b &lt;img\\> \\`x\\` \\*y\\* @\u{2060}z");
        assert_eq!(code("train@seed=0 `|`"), "`train@seed=0 '''`");
    }

    #[test]
    fn files_are_addresses() {
        assert_eq!(data_address("a,b\n\"é\",1.5\n"), "data:text/csv;charset=utf-8,a,b%0A%22%C3%A9%22,1.5%0A");
    }
}
