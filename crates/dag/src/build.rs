//! From the file's tree to the plan.

use std::collections::BTreeMap;
use std::path::Path;

use clinsynth_contract::TagSet;

use crate::draft::{Draft, draft_steps};
use crate::expression::Scope;
use crate::instance::InstanceBuilder;
use crate::matrix::check_name;
use crate::node::{Content, Node};
use crate::options::REPLAY;
use crate::pipeline::{PipelineFile, VERSION};
use crate::reader::read;
use crate::{Diagnostic, Plan};

/// Builds the plan of a parsed file with its overrides applied.
///
/// Errors: every independent problem that was found. Steps are only looked at in detail once the file's own keys, the
/// names in `needs` and the matrices hold, since wrong ones would cause false complaints.
pub(crate) fn build(
    root: &Node,
    text: &str,
    environment: &BTreeMap<String, String>,
    pipeline_dir: &Path,
) -> Result<Plan, Vec<Diagnostic>> {
    check_version(root).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    root.doubled_keys(&mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let no_params = Node::absent(root.place);
    let params = root.get("params").unwrap_or(&no_params);
    let env = allowed_variables(root, environment)?;
    let scope = Scope { text, params, matrix: None, env: &env, nulls: false };

    let header = evaluate_header(root, &scope, &mut problems);
    let file = if problems.is_empty() {
        read::<PipelineFile>(&header, "").map_err(|found| problems.extend(found)).ok()
    } else {
        // What an expression could not give would be complained about once more.
        None
    };
    let drafts = draft_steps(root, &scope, &mut problems);
    if let Some(file) = &file {
        check_header(file, &header, &drafts, &mut problems);
    }
    let (Some(file), true) = (file, problems.is_empty()) else { return Err(problems) };

    let mut builder = InstanceBuilder::new(&file, &scope, &drafts, pipeline_dir);
    let needs: Vec<_> = drafts.iter().map(|draft| draft.needs.clone()).collect();
    for index in crate::graph::order(&needs).map_err(|cycle| vec![cycle_problem(&drafts, &cycle)])? {
        builder.add(index);
    }
    let (steps, skipped) = builder.finish()?;
    Ok(Plan {
        name: file.name,
        labels: file.labels.names(),
        pipeline_dir: pipeline_dir.to_owned(),
        params: params.entries().iter().map(|(key, value)| (key.name.clone(), value.to_json())).collect(),
        limits: file.limits.into_iter().map(|(name, count)| (name, count.0)).collect(),
        steps,
        skipped,
    })
}

fn check_version(root: &Node) -> Result<(), Diagnostic> {
    let Content::Map(_) = root.content else {
        return Err(root.problem("a pipeline file is a mapping of keys such as `version`, `name` and `steps`"));
    };
    let help = format!("this build reads version {VERSION}: write `version: {VERSION}`");
    match root.get("version") {
        None => Err(root.problem("the file lacks `version`").help(help)),
        Some(version) if version.to_json() == VERSION => Ok(()),
        Some(version) => Err(version.problem(format!("unknown version `{}`", version.to_json())).help(help)),
    }
}

/// The variables that the file's `env` list names, with their values.
fn allowed_variables(
    root: &Node,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Option<String>>, Vec<Diagnostic>> {
    let Some(env) = root.get("env") else { return Ok(BTreeMap::new()) };
    let names: Vec<String> = read(env, "env")?;
    let valued = |name: String| (environment.get(&name).cloned(), name);
    Ok(names.into_iter().map(valued).map(|(value, name)| (name, value)).collect())
}

/// The file with every expression outside `params` and `steps` replaced.
fn evaluate_header(root: &Node, scope: &Scope<'_>, problems: &mut Vec<Diagnostic>) -> Node {
    let evaluate = |key: &str, node: &Node, problems: &mut Vec<Diagnostic>| match key {
        "params" | "steps" => node.clone(),
        _ => scope.evaluate(node, problems),
    };
    let entries = root.entries().iter();
    let entries = entries.map(|(key, node)| (key.clone(), evaluate(&key.name, node, problems))).collect();
    Node { content: Content::Map(entries), ..root.clone() }
}

fn check_header(file: &PipelineFile, header: &Node, drafts: &[Draft<'_>], problems: &mut Vec<Diagnostic>) {
    if let Err(message) = check_name(&file.name) {
        problems.push(header.nearest(&["name"]).problem(message));
    }
    for key in ["endpoints", "limits"] {
        for (name, _) in header.get(key).map_or(&[][..], Node::entries) {
            problems.extend(check_name(&name.name).err().map(|message| Diagnostic::new(name.place, message)));
            if name.name == REPLAY && key == "endpoints" {
                let message = "an endpoint cannot be called `replay`: that is the provider of recorded completions";
                problems.push(Diagnostic::new(name.place, message));
            }
        }
    }
    problems.extend(check_labels(file, header, drafts));
}

fn check_labels(file: &PipelineFile, header: &Node, drafts: &[Draft<'_>]) -> Option<Diagnostic> {
    if file.labels.0.is_empty() && header.get("labels").is_none() {
        let draft = drafts.iter().find(|draft| draft.file.uses.takes_labels())?;
        let message = format!("the file lacks `labels`, which `{}` takes", draft.name);
        return Some(Diagnostic::new(draft.key.place, message).help("add such as `labels: [Disease, Chemical]`"));
    }
    if file.labels.0.is_empty() {
        return Some(header.nearest(&["labels"]).problem("`labels` must name at least one label"));
    }
    let error = TagSet::new(file.labels.names()).err()?;
    let label = match &error {
        clinsynth_contract::ContractError::BadLabel { label, .. } => label.as_str(),
        _ => "",
    };
    Some(header.item("labels", label).problem(error.to_string()))
}

fn cycle_problem(drafts: &[Draft<'_>], cycle: &[usize]) -> Diagnostic {
    let name = |step: &usize| drafts[*step].name;
    let first = &drafts[cycle[0]];
    let next = cycle.get(1).unwrap_or(&cycle[0]);
    let round: Vec<_> = cycle.iter().chain(&cycle[..1]).map(|step| format!("`{}`", name(step))).collect();
    let message = format!("the steps need each other in a cycle: {}", round.join(" needs "));
    first.shape.item("needs", name(next)).problem(message)
}
