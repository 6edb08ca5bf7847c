//! Files outside the store that a step reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::nearest;
use crate::includes::included;
use crate::node::Node;
use crate::{Diagnostic, ExternalFile, StepKind};

/// The external files of a step, or a problem for each that is not there. A path is relative to the pipeline file; one
/// that was given on the command line is relative to the working folder.
pub(crate) fn external_files(
    kind: &StepKind,
    with: &Node,
    pipeline_dir: &Path,
) -> Result<Vec<ExternalFile>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for Named { role, path, form, node } in named(kind, with) {
        let is_template = role.ends_with("template");
        let given_here = node.origin.as_ref().is_some_and(|origin| origin.command_line);
        let full = if given_here { path.to_owned() } else { pipeline_dir.join(path) };
        match form.problem(&full) {
            None => {
                if is_template {
                    let taken_in = included(&full).into_iter();
                    // By name: the same file may be taken in by both of a step's templates.
                    files.extend(taken_in.map(|(name, path)| ExternalFile { role: format!("{INCLUDED}{name}"), path }));
                }
                files.push(ExternalFile { role, path: full });
            }
            Some(what) => problems.push(missing(node, what, path, &full)),
        }
    }
    for file in files.iter().filter(|file| file.role.starts_with(INCLUDED) && !file.path.is_file()) {
        let name = file.role.trim_start_matches(INCLUDED);
        problems.push(missing(with.nearest(&["template"]), "included file", Path::new(name), &file.path));
    }
    files.sort();
    files.dedup();
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// What the role of a file that a template takes in starts with; its name as written follows.
pub const INCLUDED: &str = "included ";

struct Named<'n> {
    role: String,
    path: &'n Path,
    form: Form,
    node: &'n Node,
}

#[derive(Clone, Copy)]
enum Form {
    File,
    Folder,
    Any,
}

impl Form {
    fn problem(self, path: &Path) -> Option<&'static str> {
        match self {
            Self::File if !path.is_file() => Some("file"),
            Self::Folder if !path.is_dir() => Some("folder"),
            Self::Any if !path.exists() => Some("file or folder"),
            _ => None,
        }
    }
}

fn named<'n>(kind: &'n StepKind, with: &'n Node) -> Vec<Named<'n>> {
    let option =
        |role: &str, path: &'n Path, form| Named { role: role.to_owned(), path, form, node: with.nearest(&[role]) };
    match kind {
        StepKind::Generate(options) => {
            let recordings = options.recordings.as_ref().filter(|_| options.provider == crate::options::REPLAY);
            let optional = [
                ("seeds", options.seeds.as_ref()),
                ("recordings", recordings),
                ("topics", options.topics.as_ref()),
                ("styles", options.styles.as_ref()),
                ("guideline", options.guideline.as_ref()),
                ("search-template", options.search_template.as_ref()),
            ];
            let given = optional.into_iter().filter_map(|(role, path)| Some((role, path?)));
            let plain = std::iter::once(("template", &options.template)).chain(given);
            let vocabularies = by_label("vocabularies", &options.vocabularies, with);
            plain.map(|(role, path)| option(role, path, Form::File)).chain(vocabularies).collect()
        }
        StepKind::Import(options) => vec![option("path", &options.path, Form::Any)],
        StepKind::Train(options) => {
            options.encoder_folder().map(|folder| option("encoder", folder, Form::Folder)).into_iter().collect()
        }
        StepKind::Command(options) => {
            let dependency = |path: &'n PathBuf| Named {
                role: format!("deps {}", path.display()),
                path,
                form: Form::Any,
                node: with.item("deps", &path.to_string_lossy()),
            };
            options.deps.iter().map(dependency).collect()
        }
        StepKind::Report(options) => {
            options.published.as_ref().map(|path| option("published", path, Form::File)).into_iter().collect()
        }
        StepKind::Predict(options) => by_label("dictionary", &options.dictionary, with).collect(),
        StepKind::Curate(_) | StepKind::Evaluate(_) => Vec::new(),
    }
}

/// An option with a file for each label.
fn by_label<'n>(
    option: &'static str,
    files: &'n BTreeMap<String, PathBuf>,
    with: &'n Node,
) -> impl Iterator<Item = Named<'n>> {
    files.iter().map(move |(label, path)| Named {
        role: format!("{option} {label}"),
        path,
        form: Form::File,
        node: with.nearest(&[option]).nearest(&[label]),
    })
}

fn missing(node: &Node, what: &str, path: &Path, full: &Path) -> Diagnostic {
    let problem = node.problem(format!("there is no {what} `{}`", path.display()));
    let names: Vec<_> = full.parent().into_iter().flat_map(names_in).collect();
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match nearest(&name, names.iter().map(String::as_str)) {
        // The file may be there as a folder, or the other way round.
        Some(near) if near != name => problem.help(format!("did you mean `{}`?", path.with_file_name(near).display())),
        _ => problem.help(format!("looked for {}", full.display())),
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
