//! `--set key=value`: a parameter, or any value of the file by its dotted path.

use crate::node::{Content, Key, Node, Origin};
use crate::{PipelineError, diagnostic::nearest};

/// Changes the file's tree. A key without a dot is a parameter and must be declared; one with dots is a path from the top
/// of the file, of which all but the last key must exist.
pub(crate) fn apply(root: &mut Node, overrides: &[String]) -> Result<(), PipelineError> {
    overrides.iter().try_for_each(|text| {
        apply_one(root, text).map_err(|reason| PipelineError::Override { text: text.clone(), reason })
    })
}

fn apply_one(root: &mut Node, text: &str) -> Result<(), String> {
    let (key, value) = text.split_once('=').ok_or("an override is `key=value`")?;
    let path: Vec<&str> = if key.contains('.') { key.split('.').collect() } else { vec!["params", key] };
    let origin = Origin { text: format!("`--set {text}`"), command_line: true };
    let (last, parents) = path.split_last().ok_or("the key is empty")?;
    let parent = parents.iter().try_fold(root, |node, key| descend(node, key))?;
    let declared = parents != ["params"] || parent.get(last).is_some();
    if !declared {
        return Err(unknown(parent, last));
    }
    let place = parent.get(last).map_or(parent.place, |node| node.place);
    let value = parse_value(value).moved(place, &origin);
    let Content::Map(entries) = &mut parent.content else {
        return Err(format!("`{}` is not a mapping", parents.join(".")));
    };
    match entries.iter_mut().find(|(key, _)| key.name == *last) {
        Some((_, node)) => *node = value,
        None => entries.push((Key { name: (*last).to_owned(), place }, value)),
    }
    Ok(())
}

fn descend<'n>(node: &'n mut Node, key: &str) -> Result<&'n mut Node, String> {
    let message = unknown(node, key);
    match &mut node.content {
        Content::Map(entries) => {
            entries.iter_mut().find(|(name, _)| name.name == key).map(|(_, node)| node).ok_or(message)
        }
        _ => Err(message),
    }
}

fn unknown(node: &Node, key: &str) -> String {
    let known: Vec<_> = node.entries().iter().map(|(key, _)| key.name.as_str()).collect();
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("the file has no `{key}` there; did you mean `{near}`?"),
        None if known.is_empty() => format!("the file has no `{key}` there"),
        None => format!("the file has no `{key}` there, only {}", known.join(", ")),
    }
}

/// Null, true, false, numbers, `[lists]` and `{mappings}` as in YAML; everything else is text as it stands.
fn parse_value(text: &str) -> Node {
    let verbatim = || Node { content: Content::Text(text.to_owned()), ..Node::absent(crate::Place::START) };
    if text.is_empty() {
        return Node { content: Content::Null, ..verbatim() };
    }
    match Node::parse_value(text) {
        Some(node) if text.starts_with(['[', '{', '"', '\'']) => node,
        Some(node) if matches!(node.content, Content::Null | Content::Bool(_) | Content::Number(_)) => {
            // `1 # one` is a number in YAML, but text on a command line.
            if text.contains(char::is_whitespace) { verbatim() } else { node }
        }
        _ => verbatim(),
    }
}
