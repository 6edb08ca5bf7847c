use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::{Report, ReportingError};

/// Writes the report as one HTML file.
///
/// Errors: [`ReportingError::Template`], which no data should bring about.
pub fn render(report: &Report) -> Result<String, ReportingError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template("page.html", include_str!("page/page.html"))?;
    Ok(environment.get_template("page.html")?.render(context! { title => report.title })?)
}
