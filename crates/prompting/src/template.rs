use std::path::{Path, PathBuf};

use clinsynth_contract::{CharOffsets, Entity, Example, Message};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use crate::text::read_text;
use crate::{Label, Labelling, PromptSeed, PromptingError, Quotes, Trial};

/// Roles that a section of a template may have.
const ROLES: [&str; 3] = ["system", "user", "assistant"];

/// A prompt template: Jinja text in sections, each the content of one message.
///
/// A line `--- system`, `--- user` or `--- assistant` opens a section; before the first stands nothing but Jinja
/// comments. Sections are cut before rendering, so no value of a variable can open one. Variables: `task`, `labels` and
/// `relations` (lists of `{name, definition}`), the fields of [`PromptSeed`], and from [`Quotes`] `guideline`,
/// `demonstrations` (list of `{text, answer}`) and `errors` (list of `{text, kind, gold, predicted}`). A given text is
/// `text`, with what it is labelled with in `mentions` (list of `{number, text, label}`) and `pairs` (list of
/// `{number, head, tail, relation}`), numbered from 1. What a search tried is `tried`, a list of
/// `{instructions, score}`. An undefined variable is an error.
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
    /// Errors: [`PromptingError::File`], [`PromptingError::NotUtf8`], or [`PromptingError::Template`] with the line.
    pub fn read(path: &Path) -> Result<Self, PromptingError> {
        Self::read_with(path, &[])
    }

    /// Reads a template file and the files that it takes in by `{% include "name" %}`, each under the name that stands
    /// there. No other file can be included, so that what decides a prompt is known before it is rendered.
    ///
    /// Errors: as [`Template::read`].
    pub fn read_with(path: &Path, included: &[(String, PathBuf)]) -> Result<Self, PromptingError> {
        let source = read_text(path)?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
        let mut template = Self::parse(&name, &source)?;
        for (name, path) in included {
            template.include(name, read_text(path)?)?;
        }
        Ok(template)
    }

    fn include(&mut self, name: &str, source: String) -> Result<(), PromptingError> {
        self.environment.add_template_owned(name.to_owned(), source).map_err(|error| jinja(name, &error))
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
            environment.add_template_owned(section_name(index), section.source).map_err(|error| jinja(name, &error))?;
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

    /// The messages for one seed. Demonstrations and errors are drawn by the prompt's `number`.
    ///
    /// Errors: [`PromptingError::Template`] naming the line, such as for an undefined variable.
    pub fn render(
        &self,
        labelling: &Labelling,
        seed: &PromptSeed,
        quotes: &Quotes,
        number: usize,
    ) -> Result<Vec<Message>, PromptingError> {
        let variables = variables(labelling, seed, quotes, number);
        let render = |(index, role): (usize, &&str)| {
            let section = self.environment.get_template(&section_name(index))?;
            Ok(Message { role: (*role).to_owned(), content: section.render(variables.clone())?.trim().to_owned() })
        };
        let messages: Result<Vec<Message>, Error> = self.roles.iter().enumerate().map(render).collect();
        messages.map_err(|error| jinja(&self.name, &error))
    }
}

/// The name of a section among the templates; no included file can have it.
fn section_name(index: usize) -> String {
    format!("\0{index}")
}

fn variables(labelling: &Labelling, seed: &PromptSeed, quotes: &Quotes, number: usize) -> Value {
    let labels = |labels: &[Label]| {
        let pairs = |label: &Label| Value::from_pairs([("name", &*label.name), ("definition", &*label.definition)]);
        labels.iter().map(pairs).collect::<Value>()
    };
    let optional = |field: &Option<String>| field.as_deref().map_or_else(|| Value::from(()), Value::from);
    Value::from_pairs([
        ("guideline", optional(&quotes.guideline)),
        ("demonstrations", quotes.demonstrations(labelling.task, seed, number)),
        ("errors", quotes.errors(number)),
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
        ("text", seed.given.as_ref().map_or_else(|| Value::from(()), |given| Value::from(given.text.as_str()))),
        ("mentions", seed.given.as_ref().map(mentions).unwrap_or_default().into()),
        ("pairs", seed.given.as_ref().map(pairs).unwrap_or_default().into()),
        ("instructions", optional(&seed.instructions)),
        ("tried", seed.tried.iter().map(tried).collect()),
    ])
}

/// A span outside the text is shown as empty; the contract has none.
fn quoted<'t>(offsets: &CharOffsets<'t>, entity: &Entity) -> &'t str {
    offsets.slice(entity.span()).unwrap_or_default()
}

fn mentions(given: &Example) -> Vec<Value> {
    let offsets = CharOffsets::new(&given.text);
    let mention = |(index, entity): (usize, &Entity)| {
        Value::from_pairs([
            ("number", Value::from(index + 1)),
            ("text", Value::from(quoted(&offsets, entity))),
            ("label", Value::from(entity.label.as_str())),
        ])
    };
    given.entities.iter().enumerate().map(mention).collect()
}

fn pairs(given: &Example) -> Vec<Value> {
    let offsets = CharOffsets::new(&given.text);
    let end = |index: u32| given.entities.get(index as usize).map(|entity| quoted(&offsets, entity));
    let pair = |(index, relation): (usize, &clinsynth_contract::Relation)| {
        Value::from_pairs([
            ("number", Value::from(index + 1)),
            ("head", Value::from(end(relation.head))),
            ("tail", Value::from(end(relation.tail))),
            ("relation", Value::from(relation.label.as_str())),
        ])
    };
    given.relations.iter().enumerate().map(pair).collect()
}

fn tried(trial: &Trial) -> Value {
    let score = (trial.score * 1000.0).round() / 1000.0;
    Value::from_pairs([("instructions", Value::from(trial.instructions.as_str())), ("score", Value::from(score))])
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
        .and_then(|environment| environment.render_named_str("\0", &preamble, ()))
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
    // A fault in an included file comes wrapped by each file that takes it in.
    if let Some(inner) = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>()) {
        return jinja(name, inner);
    }
    let words = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    // A section bears a name that no file has: its lines are those of the template.
    let file = error.name().filter(|file| !file.starts_with('\0')).unwrap_or(name);
    PromptingError::Template { template: file.to_owned(), line: error.line().unwrap_or(1), problem: words }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn render(source: &str) -> Result<Vec<(String, String)>, String> {
        let labelling = Labelling { labels: vec![Label::new("Disease", "an illness")], ..Labelling::default() };
        let seed = PromptSeed { topic: Some("--- user\n<gout>".into()), count: 3, ..PromptSeed::default() };
        let messages = Template::parse("t.md.j2", source)
            .and_then(|template| template.render(&labelling, &seed, &Quotes::default(), 0));
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
    fn takes_in_other_files_and_names_their_faults() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("t.md.j2"), "--- system\n{% include 'rules.md' %}\n--- user\nGo.").unwrap();
        fs::write(path("rules.md"), "Mark {{ labels[0].name }}.").unwrap();
        let labelling = Labelling { labels: vec![Label::new("Disease", "")], ..Labelling::default() };
        let render = |included: &[(String, PathBuf)]| {
            let template = Template::read_with(&path("t.md.j2"), included).map_err(|error| error.to_string())?;
            let messages = template.render(&labelling, &PromptSeed::default(), &Quotes::default(), 0);
            messages.map(|messages| messages[0].content.clone()).map_err(|error| error.to_string())
        };
        let rules = [("rules.md".to_owned(), path("rules.md"))];
        assert_eq!(render(&rules).unwrap(), "Mark Disease.");
        assert!(render(&[]).unwrap_err().starts_with("template `t.md.j2` line 2: "));
        fs::write(path("rules.md"), "\n{{ missing }}").unwrap();
        assert!(render(&rules).unwrap_err().starts_with("template `rules.md` line 2: "), "{:?}", render(&rules));
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
