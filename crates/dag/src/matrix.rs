//! Points of a matrix, and how instances of different steps belong together.

use crate::Diagnostic;
use crate::node::{Content, Node};

/// One value for each axis, in the order of the file.
pub(crate) type Point = Vec<(String, Node)>;

/// More instances of one step than anybody means.
const MOST_POINTS: usize = 1_000;

/// The points of a `matrix` mapping; one without axes when there is none.
pub(crate) fn points(matrix: Option<&Node>) -> Result<Vec<Point>, Diagnostic> {
    let Some(matrix) = matrix.filter(|node| node.content != Content::Null) else { return Ok(vec![Vec::new()]) };
    let Content::Map(entries) = &matrix.content else {
        return Err(matrix.problem("`matrix` must be a mapping of axes, such as `seed: [0, 1, 2]`"));
    };
    let axes: Vec<_> = entries.iter().filter(|(key, _)| !is_rule(&key.name)).collect();
    let mut points: Vec<Point> = if axes.is_empty() { Vec::new() } else { vec![Vec::new()] };
    for (key, values) in &axes {
        check_name(&key.name).map_err(|message| Diagnostic::new(key.place, message))?;
        points = times(&points, &key.name, axis_values(&key.name, values)?, values)?;
    }
    for rule in rules(matrix, "exclude")? {
        check_axes(rule, &axes.iter().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>())?;
        points.retain(|point| !holds(point, rule));
    }
    for rule in rules(matrix, "include")? {
        include(&mut points, rule, &axes.iter().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>());
    }
    if points.is_empty() { Err(matrix.problem("`matrix` leaves no instance")) } else { Ok(points) }
}

fn is_rule(key: &str) -> bool {
    key == "include" || key == "exclude"
}

fn axis_values<'n>(axis: &str, values: &'n Node) -> Result<&'n [Node], Diagnostic> {
    if values.items().is_empty() {
        return Err(values.problem(format!("axis `{axis}` must be a list of at least one value")));
    }
    values.items().iter().try_for_each(check_scalar)?;
    Ok(values.items())
}

fn times(points: &[Point], axis: &str, values: &[Node], node: &Node) -> Result<Vec<Point>, Diagnostic> {
    if points.len().saturating_mul(values.len()) > MOST_POINTS {
        return Err(node.problem(format!("the matrix has more than {MOST_POINTS} instances")));
    }
    let extend = |point: &Point, value: &Node| {
        let mut longer = point.clone();
        longer.push((axis.to_owned(), value.clone()));
        longer
    };
    Ok(points.iter().flat_map(|point| values.iter().map(move |value| extend(point, value))).collect())
}

fn rules<'n>(matrix: &'n Node, rule: &str) -> Result<&'n [Node], Diagnostic> {
    let Some(node) = matrix.get(rule) else { return Ok(&[]) };
    if !matches!(node.content, Content::List(_)) {
        return Err(node.problem(format!("`{rule}` must be a list of mappings, such as `- {{seed: 0}}`")));
    }
    for item in node.items() {
        if item.entries().is_empty() {
            return Err(item.problem(format!("`{rule}` must hold mappings of axes to values")));
        }
        for (key, value) in item.entries() {
            check_name(&key.name).map_err(|message| Diagnostic::new(key.place, message))?;
            check_scalar(value)?;
        }
    }
    Ok(node.items())
}

fn check_axes(rule: &Node, axes: &[&str]) -> Result<(), Diagnostic> {
    let unknown = rule.entries().iter().find(|(key, _)| !axes.contains(&key.name.as_str()));
    match unknown {
        Some((key, _)) => Err(Diagnostic::new(key.place, format!("unknown axis `{}`", key.name))
            .suggest(&key.name, axes.iter().copied())
            .or_list("axes of the step", axes.iter().copied())),
        None => Ok(()),
    }
}

fn check_scalar(value: &Node) -> Result<(), Diagnostic> {
    match &value.content {
        Content::Bool(_) | Content::Number(_) => Ok(()),
        Content::Text(text) if !text.is_empty() => Ok(()),
        _ => Err(value.problem("a value of an axis must be text, a number, true or false")),
    }
}

/// As GitHub Actions has it: the rule's other values are added to every point that it agrees with on the axes; when it
/// agrees with none, it is a point of its own.
fn include(points: &mut Vec<Point>, rule: &Node, axes: &[&str]) {
    let entries = || rule.entries().iter().map(|(key, value)| (key.name.clone(), value.clone()));
    let is_axis = |name: &str| axes.contains(&name);
    let agrees = |point: &Point| {
        let mut on_axes = rule.entries().iter().filter(|(key, _)| is_axis(&key.name));
        on_axes.all(|(key, value)| value_of(point, &key.name).is_none_or(|own| own.content == value.content))
    };
    let original = points.iter_mut().filter(|point| point.iter().any(|(name, _)| is_axis(name)));
    let mut matched = false;
    for point in original.filter(|point| agrees(point)) {
        matched = true;
        for (name, value) in entries().filter(|(name, _)| !is_axis(name)) {
            point.retain(|(own, _)| *own != name);
            point.push((name, value));
        }
    }
    if !matched {
        points.push(entries().collect());
    }
}

fn holds(point: &Point, rule: &Node) -> bool {
    let mut entries = rule.entries().iter();
    entries.all(|(key, value)| value_of(point, &key.name).is_some_and(|own| own.content == value.content))
}

fn value_of<'p>(point: &'p Point, axis: &str) -> Option<&'p Node> {
    point.iter().find(|(name, _)| name == axis).map(|(_, value)| value)
}

/// Whether two instances belong together: they have the same value on every axis that both have.
pub(crate) fn agree(left: &Point, right: &Point) -> bool {
    left.iter().all(|(axis, value)| value_of(right, axis).is_none_or(|other| other.content == value.content))
}

/// The unique name of a step at a point: `train@seed=0,size=1k`. Characters that file names cannot hold become `-`.
pub(crate) fn instance_id(step: &str, point: &Point) -> String {
    let pairs: Vec<_> = point.iter().map(|(axis, value)| format!("{axis}={}", file_name(&value_text(value)))).collect();
    if pairs.is_empty() { step.to_owned() } else { format!("{step}@{}", pairs.join(",")) }
}

/// A scalar as text.
pub(crate) fn value_text(value: &Node) -> String {
    match &value.content {
        Content::Text(text) => text.clone(),
        _ => value.to_json().to_string(),
    }
}

fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '-' }).collect()
}

/// Whether this can be the name of a step, an axis, an endpoint or an output.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    if first && characters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Ok(());
    }
    Err(format!("`{name}` cannot be a name: names are a letter, then letters, digits, `-` and `_`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ids(yaml: &str) -> Result<Vec<String>, String> {
        let found = points(Some(&Node::parse(yaml.as_bytes()).unwrap())).map_err(|problem| problem.message)?;
        Ok(found.iter().map(|point| instance_id("s", point)).collect())
    }

    #[test]
    fn points_are_the_product_with_rules() {
        let check = |yaml: &str, expected: &[&str]| assert_eq!(ids(yaml).unwrap(), expected, "{yaml}");
        check("{seed: [0, 1]}", &["s@seed=0", "s@seed=1"]);
        check("{a: [x, y], b: [1, 2]}", &["s@a=x,b=1", "s@a=x,b=2", "s@a=y,b=1", "s@a=y,b=2"]);
        check("{a: [x, y], b: [1, 2], exclude: [{a: x, b: 2}]}", &["s@a=x,b=1", "s@a=y,b=1", "s@a=y,b=2"]);
        check("{a: [x], include: [{a: x, lr: 0.1}, {a: z, lr: 1}]}", &["s@a=x,lr=0.1", "s@a=z,lr=1"]);
        check("{a: [x, y], include: [{lr: 1}]}", &["s@a=x,lr=1", "s@a=y,lr=1"]);
        check("{include: [{a: x}, {a: y}]}", &["s@a=x", "s@a=y"]);
        check("{model: [a/b c]}", &["s@model=a-b-c"]);
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let check = |yaml: &str, expected: &str| assert_eq!(ids(yaml), Err(expected.to_owned()), "{yaml}");
        check("[1]", "`matrix` must be a mapping of axes, such as `seed: [0, 1, 2]`");
        check("{seed: 1}", "axis `seed` must be a list of at least one value");
        check("{seed: [[1]]}", "a value of an axis must be text, a number, true or false");
        check("{seed: [1], exclude: [{sed: 1}]}", "unknown axis `sed`");
        check("{seed: [1], exclude: [{seed: 1}]}", "`matrix` leaves no instance");
        check("{seed: [1], include: {seed: 2}}", "`include` must be a list of mappings, such as `- {seed: 0}`");
        check("{a b: [1]}", "`a b` cannot be a name: names are a letter, then letters, digits, `-` and `_`");
    }
}
