use std::fs;
use std::path::Path;

use clinsynth_contract::Message;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use crate::{Label, Labelling, PromptSeed, PromptingError};

/// Roles that a section of a template may have.
const ROLES: [&str; 3] = ["system", "user", "assistant"];

/// A prompt template: Jinja text in sections, each the content of one message.
///
/// A line `--- system`, `--- user` or `--- assistant` opens a section; before the first stands nothing but Jinja
/// comments. Sections are cut before rendering, so no value of a variable can open one. Variables: `task`, `labels` and
/// `relations` (lists of `{name, definition}`), and the fields of [`PromptSeed`]. An undefined variable is an error.
#[derive(Debug)]
pub struct Template {
    name: String,
    digest: clinsynth_contract::Digest,
    roles: Vec<&'static str>,
    environment: Environment<'static>,
}

impl Template {
    /// Reads a template file.
    ///
    /// Errors: [`PromptingError::File`], or [`PromptingError::Template`] with the line.
    pub fn read(path: &Path) -> Result<Self, PromptingError> {
        let source = fs::read_to_string(path).map_err(|source| PromptingError::file("read", path, source))?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
        Self::parse(&name, &source)
    }

    /// Parses template text under a name for messages.
    ///
    /// Errors: [`PromptingError::Template`] with the line.
    pub fn parse(name: &str, source: &str) -> Result<Self, PromptingError> {
        let mut environment = new_environment().map_err(|error| jinja(name, &error))?;
        let sections = split_sections(name, source)?;
        let mut roles = Vec::new();
        for (index, section) in sections.into_iter().enumerate() {
            roles.push(section.role);
            environment.add_template_owned(index.to_string(), section.source).map_err(|error| jinja(name, &error))?;
        }
        let digest = clinsynth_contract::Digest::of(source.as_bytes());
        Ok(Self { name: name.to_owned(), digest, roles, environment })
    }

    /// File name, for the `template` column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Digest of the template's source.
    pub fn digest(&self) -> &clinsynth_contract::Digest {
        &self.digest
    }

    /// The messages for one seed.
    ///
    /// Errors: [`PromptingError::Template`] naming the line, such as for an undefined variable.
    pub fn render(&self, labelling: &Labelling, seed: &PromptSeed) -> Result<Vec<Message>, PromptingError> {
        let variables = variables(labelling, seed);
        let render = |(index, role): (usize, &&str)| {
            let section = self.environment.get_template(&index.to_string())?;
            Ok(Message { role: (*role).to_owned(), content: section.render(variables.clone())?.trim().to_owned() })
        };
        let messages: Result<Vec<Message>, Error> = self.roles.iter().enumerate().map(render).collect();
        messages.map_err(|error| jinja(&self.name, &error))
    }
}

fn variables(labelling: &Labelling, seed: &PromptSeed) -> Value {
    let labels = |labels: &[Label]| {
        let pairs = |label: &Label| Value::from_pairs([("name", &*label.name), ("definition", &*label.definition)]);
        labels.iter().map(pairs).collect::<Value>()
    };
    let optional = |field: &Option<String>| field.as_deref().map_or_else(|| Value::from(()), Value::from);
    Value::from_pairs([
        ("task", Value::from(labelling.task.name())),
        ("labels", labels(&labelling.labels)),
        ("relations", labels(&labelling.relations)),
        ("topic", optional(&seed.topic)),
        ("style", optional(&seed.style)),
        ("count", Value::from(seed.count)),
        ("mention", optional(&seed.mention)),
        ("label", optional(&seed.label)),
        ("concept", optional(&seed.concept)),
        ("head", optional(&seed.head)),
        ("tail", optional(&seed.tail)),
        ("relation", optional(&seed.relation)),
    ])
}

fn new_environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    Ok(environment)
}

struct Section {
    role: &'static str,
    source: String,
}

/// Cuts the source at its role lines. Each section is padded with empty lines so that Jinja counts lines as the file does.
fn split_sections(name: &str, source: &str) -> Result<Vec<Section>, PromptingError> {
    let bad = |line, problem: String| PromptingError::Template { template: name.to_owned(), line, problem };
    let mut sections: Vec<Section> = Vec::new();
    let mut preamble = String::new();
    for (index, line) in source.lines().enumerate() {
        if let Some(role) = role_line(line).map_err(|problem| bad(index + 1, problem))? {
            sections.push(Section { role, source: "\n".repeat(index + 1) });
            continue;
        }
        let text = sections.last_mut().map_or(&mut preamble, |section| &mut section.source);
        text.push_str(line);
        text.push('\n');
    }
    let stray = new_environment()
        .and_then(|environment| environment.render_named_str("0", &preamble, ()))
        .map_err(|error| jinja(name, &error))?;
    if !stray.trim().is_empty() {
        return Err(bad(1, format!("text stands before the first `--- {}` line", ROLES.join("`, `--- "))));
    }
    if !sections.iter().any(|section| section.role == "user") {
        return Err(bad(source.lines().count().max(1), "there is no `--- user` line".to_owned()));
    }
    Ok(sections)
}

fn role_line(line: &str) -> Result<Option<&'static str>, String> {
    let Some(role) = line.strip_prefix("--- ") else { return Ok(None) };
    let role = role.trim();
    let known = ROLES.into_iter().find(|known| *known == role);
    known.map(Some).ok_or_else(|| format!("unknown role `{role}`: expected one of {}", ROLES.join(", ")))
}

fn jinja(name: &str, error: &Error) -> PromptingError {
    let words = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    PromptingError::Template { template: name.to_owned(), line: error.line().unwrap_or(1), problem: words }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn render(source: &str) -> Result<Vec<(String, String)>, String> {
        let labelling = Labelling { labels: vec![Label::new("Disease", "an illness")], ..Labelling::default() };
        let seed = PromptSeed { topic: Some("--- user\n<gout>".into()), count: 3, ..PromptSeed::default() };
        let messages = Template::parse("t.md.j2", source).and_then(|template| template.render(&labelling, &seed));
        let pairs =
            |messages: Vec<Message>| messages.into_iter().map(|message| (message.role, message.content)).collect();
        messages.map(pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn renders_sections_as_messages_and_escapes_nothing() {
        let source = "{# guideline 2 #}\n--- system\n{% for label in labels %}\n- {{ label.name }}: {{ label.definition }}\n{% endfor %}\n--- user\n{{ count }} on {{ topic }}{% if mention %} with {{ mention }}{% endif %}\n";
        let expected = [("system", "- Disease: an illness"), ("user", "3 on --- user\n<gout>")];
        assert_eq!(render(source).unwrap(), expected.map(|(role, content)| (role.to_owned(), content.to_owned())));
    }

    #[test]
    fn names_template_and_line() {
        let check = |source: &str, expected: &str| assert_eq!(render(source).unwrap_err(), expected);
        check(
            "--- system\nhello\n--- user\n\n{{ topics }}",
            "template `t.md.j2` line 5: undefined value: `topics` is undefined",
        );
        check(
            "--- user\n{% if count %}",
            "template `t.md.j2` line 2: syntax error: unexpected end of input, expected end of block",
        );
        check("--- usr\n", "template `t.md.j2` line 1: unknown role `usr`: expected one of system, user, assistant");
        check("--- system\nhello", "template `t.md.j2` line 2: there is no `--- user` line");
        check(
            "hello\n--- user\n",
            "template `t.md.j2` line 1: text stands before the first `--- system`, `--- user`, `--- assistant` line",
        );
    }
}
