//! Steps of the file before their instances are known.

use crate::Diagnostic;
use crate::expression::Scope;
use crate::matrix::{Point, check_name, points};
use crate::node::{Content, Key, Node};
use crate::pipeline::StepFile;
use crate::reader::read;

/// A step, with all that is the same for its instances.
pub(crate) struct Draft<'n> {
    pub(crate) name: &'n str,
    pub(crate) key: &'n Key,
    /// As written.
    pub(crate) node: &'n Node,
    /// The keys that are the same for all instances, expressions replaced.
    pub(crate) shape: Node,
    /// Typed form of [`Self::shape`].
    pub(crate) file: StepFile,
    /// Steps that it needs, as indices.
    pub(crate) needs: Vec<usize>,
    pub(crate) points: Vec<Point>,
}

/// Keys whose expressions may refer to the matrix, so that they are read for each instance.
const BY_INSTANCE: [&str; 6] = ["with", "if", "resources", "retry", "timeout-minutes", "slots"];

/// Every step that holds together so far, in the order of the file; problems of the others are added to the list.
pub(crate) fn draft_steps<'n>(root: &'n Node, scope: &Scope<'_>, problems: &mut Vec<Diagnostic>) -> Vec<Draft<'n>> {
    let Some(steps) = root.get("steps") else { return Vec::new() };
    if steps.entries().is_empty() {
        problems.push(steps.problem("`steps` must be a mapping with at least one step"));
    }
    let names: Vec<&str> = steps.entries().iter().map(|(key, _)| key.name.as_str()).collect();
    let drafted = steps.entries().iter().map(|(key, node)| draft(key, node, &names, scope));
    drafted.filter_map(|draft| draft.map_err(|found| problems.extend(found)).ok()).collect()
}

fn draft<'n>(key: &'n Key, node: &'n Node, names: &[&str], scope: &Scope<'_>) -> Result<Draft<'n>, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    problems.extend(check_name(&key.name).err().map(|message| Diagnostic::new(key.place, message)));
    let shape = evaluate_shape(node, scope, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let file: Option<StepFile> =
        read(&shape, &format!("steps.{}", key.name)).map_err(|found| problems.extend(found)).ok();
    let points = points(shape.get("matrix")).map_err(|problem| problems.push(problem)).ok();
    let needs = file.as_ref().map_or(&[][..], |file| &file.needs);
    let needs = resolve_needs(&shape, needs, names, &mut problems);
    match (file, points) {
        (Some(file), Some(points)) if problems.is_empty() => {
            Ok(Draft { name: &key.name, key, node, shape, file, needs, points })
        }
        _ => Err(problems),
    }
}

/// The step without the values that differ between instances; their keys stay, so that unknown ones are found.
fn evaluate_shape(node: &Node, scope: &Scope<'_>, problems: &mut Vec<Diagnostic>) -> Node {
    let Content::Map(entries) = &node.content else { return node.clone() };
    let same = entries.iter().filter(|(key, _)| !BY_INSTANCE.contains(&key.name.as_str()));
    let entries = same.map(|(key, value)| (key.clone(), scope.evaluate(value, problems))).collect();
    Node { content: Content::Map(entries), ..node.clone() }
}

fn resolve_needs(shape: &Node, needs: &[String], names: &[&str], problems: &mut Vec<Diagnostic>) -> Vec<usize> {
    let mut resolved = Vec::new();
    for need in needs {
        let place = shape.item("needs", need);
        match names.iter().position(|name| name == need) {
            Some(step) if resolved.contains(&step) => {
                problems.push(place.problem(format!("`{need}` stands twice in `needs`")));
            }
            Some(step) => resolved.push(step),
            None => {
                let problem = place.problem(format!("unknown step `{need}` in `needs`"));
                problems.push(problem.suggest(need, names.iter().copied()).or_list("steps", names.iter().copied()));
            }
        }
    }
    resolved
}
