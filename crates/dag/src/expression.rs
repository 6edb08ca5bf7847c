//! `${{ params.x }}`, `${{ matrix.x }}` and `${{ env.X }}`.

use std::collections::BTreeMap;

use crate::diagnostic::nearest;
use crate::node::{Content, Node, Origin};
use crate::{Diagnostic, Place};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// What expressions can refer to.
pub(crate) struct Scope<'s> {
    /// The file's text, by which an expression is found within its scalar.
    pub(crate) text: &'s str,
    /// The `params` mapping.
    pub(crate) params: &'s Node,
    /// The instance's point; none outside steps and where the step's instances are not known yet.
    pub(crate) matrix: Option<&'s [(String, Node)]>,
    /// The environment variables that the file allows, by name; null for one that is not set.
    pub(crate) env: &'s BTreeMap<String, Option<String>>,
    /// Whether null may stand within text: in the options of a step that does not run, because what it takes is not given.
    pub(crate) nulls: bool,
}

impl Scope<'_> {
    /// The tree with each expression replaced. A scalar that is one expression takes the value with its type.
    pub(crate) fn evaluate(&self, node: &Node, problems: &mut Vec<Diagnostic>) -> Node {
        let content = match &node.content {
            Content::Text(text) if text.contains(OPEN) => {
                return self.evaluate_text(node, text).unwrap_or_else(|problem| {
                    problems.push(problem);
                    Node { content: Content::Null, ..node.clone() }
                });
            }
            Content::List(items) => Content::List(items.iter().map(|item| self.evaluate(item, problems)).collect()),
            Content::Map(entries) => {
                let pairs = entries.iter().map(|(key, value)| (key.clone(), self.evaluate(value, problems)));
                Content::Map(pairs.collect())
            }
            plain => plain.clone(),
        };
        Node { content, place: node.place, origin: node.origin.clone() }
    }

    fn evaluate_text(&self, node: &Node, text: &str) -> Result<Node, Diagnostic> {
        if let Some(inner) = whole(text) {
            return Ok(self.look_up(node, text.trim(), inner)?.0);
        }
        let mut filled = String::new();
        let mut rest = text;
        let mut last_origin = None;
        while let Some((before, after)) = rest.split_once(OPEN) {
            filled.push_str(before);
            let Some((inner, remainder)) = after.split_once(CLOSE) else {
                return Err(self.problem(node, OPEN, "expression without its end `}}`"));
            };
            let raw = format!("{OPEN}{inner}{CLOSE}");
            let (value, origin) = self.look_up(node, &raw, inner)?;
            filled.push_str(&self.scalar(node, &raw, &value)?);
            last_origin = Some(origin);
            rest = remainder;
        }
        filled.push_str(rest);
        Ok(Node { content: Content::Text(filled), place: node.place, origin: last_origin })
    }

    fn scalar(&self, node: &Node, raw: &str, value: &Node) -> Result<String, Diagnostic> {
        match &value.content {
            Content::Bool(value) => Ok(value.to_string()),
            Content::Number(value) => Ok(value.to_string()),
            Content::Text(value) => Ok(value.clone()),
            Content::Null if self.nulls => Ok(String::new()),
            Content::Null => Err(self.problem(node, raw, format!("`{raw}` is null and cannot stand within text"))),
            Content::List(_) | Content::Map(_) => {
                Err(self.problem(node, raw, format!("`{raw}` is a list or mapping and cannot stand within text")))
            }
        }
    }

    /// The value of one expression, put at the place of the scalar that holds it.
    fn look_up(&self, node: &Node, raw: &str, inner: &str) -> Result<(Node, Origin), Diagnostic> {
        let reference = inner.trim();
        let (root, name) = reference.split_once('.').unwrap_or((reference, ""));
        let found = match root {
            _ if name.is_empty() => return Err(self.unknown(node, raw, root)),
            "params" => self.parameter(node, raw, name)?,
            "matrix" => self.axis(node, raw, name)?,
            "env" => self.variable(node, raw, name)?,
            _ => return Err(self.unknown(node, raw, root)),
        };
        let given = found.origin.as_ref().map(|origin| format!(", given by {}", origin.text)).unwrap_or_default();
        let command_line = found.origin.as_ref().is_some_and(|origin| origin.command_line);
        let origin = Origin { text: format!("`{raw}`{given}"), command_line };
        let place = self.place_of(node, raw);
        Ok((found.moved(place, &origin), origin))
    }

    fn unknown(&self, node: &Node, raw: &str, root: &str) -> Diagnostic {
        let problem = self.problem(node, raw, format!("unknown expression `{raw}`"));
        match nearest(root, ["params", "matrix", "env"]) {
            Some(near) => problem.help(format!("did you mean `${{{{ {near}.NAME }}}}`?")),
            None => problem.help("expressions are `${{ params.NAME }}`, `${{ matrix.AXIS }}` and `${{ env.NAME }}`"),
        }
    }

    fn parameter(&self, node: &Node, raw: &str, path: &str) -> Result<Node, Diagnostic> {
        let mut found = self.params;
        for name in path.split('.') {
            found = found.get(name).ok_or_else(|| {
                let known = found.entries().iter().map(|(key, _)| key.name.as_str());
                let problem = self.problem(node, raw, format!("unknown parameter `{name}`"));
                problem.suggest(name, known.clone()).or_list("parameters", known)
            })?;
        }
        Ok(found.clone())
    }

    fn axis(&self, node: &Node, raw: &str, name: &str) -> Result<Node, Diagnostic> {
        let Some(point) = self.matrix else {
            return Err(self.problem(node, raw, "the matrix is not known here").help(
                "`matrix` can be used in `with`, `if`, `resources`, `retry`, `timeout-minutes` and `slots` of a step",
            ));
        };
        let found = point.iter().find(|(axis, _)| axis == name).map(|(_, value)| value.clone());
        found.ok_or_else(|| {
            let known = point.iter().map(|(axis, _)| axis.as_str());
            let problem = self.problem(node, raw, format!("unknown axis `{name}`"));
            problem.suggest(name, known.clone()).or_list("axes of the step", known)
        })
    }

    fn variable(&self, node: &Node, raw: &str, name: &str) -> Result<Node, Diagnostic> {
        match self.env.get(name) {
            Some(Some(value)) => Ok(Node { content: Content::Text(value.clone()), place: node.place, origin: None }),
            Some(None) => Err(self.problem(node, raw, format!("environment variable `{name}` is not set"))),
            None => Err(self
                .problem(node, raw, format!("environment variable `{name}` is not on the file's list"))
                .help(format!("add `env: [{name}]` at the top of the file"))),
        }
    }

    fn problem(&self, node: &Node, raw: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.place_of(node, raw), message)
    }

    /// Where the expression stands: its first occurrence at or after the start of its scalar, if it stands there as
    /// written (escapes and folding can hide it), otherwise the scalar.
    fn place_of(&self, node: &Node, raw: &str) -> Place {
        let lines = self.text.lines().enumerate().skip(node.place.line - 1);
        for (index, line) in lines {
            let skipped = if index + 1 == node.place.line { node.place.column - 1 } else { 0 };
            let from = line.char_indices().nth(skipped).map_or(line.len(), |(byte, _)| byte);
            if let Some(found) = line[from..].find(raw) {
                let column = 1 + line[..from + found].chars().count();
                return Place { line: index + 1, column, width: raw.chars().count() };
            }
        }
        node.place
    }
}

/// The inside of a text that is one expression and nothing else.
fn whole(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
    (!inner.contains(OPEN) && !inner.contains(CLOSE)).then_some(inner)
}
