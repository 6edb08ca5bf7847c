//! Reading a step's options, and what the type of no single option can tell.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use clinsynth_contract::TagSet;

use crate::kind::Uses;
use crate::matrix::check_name;
use crate::node::Node;
use crate::pipeline::{Count, StepFile};
use crate::reader::{read, unknown_keys};
use crate::{
    Agreement, CommandOptions, ComputeDevice, CurateOptions, Diagnostic, EvaluateOptions, GenerateOptions,
    ImportOptions, InputBinding, Labels, PairOptions, PlannedStep, PredictOptions, ReportOptions, StepKind, Strategy,
    Task, TrainOptions, TrainPrecision, TrainTagScheme,
};

pub(crate) fn read_options(uses: Uses, with: &Node, path: &str) -> Result<StepKind, Vec<Diagnostic>> {
    Ok(match uses {
        Uses::Generate => StepKind::Generate(read(with, path)?),
        Uses::Import => StepKind::Import(read(with, path)?),
        Uses::Curate => StepKind::Curate(read(with, path)?),
        Uses::Train => {
            let options: TrainOptions = read(with, path)?;
            // Definitions are for language models; another wording is no reason to train again.
            StepKind::Train(TrainOptions { relations: options.relations.without_definitions(), ..options })
        }
        Uses::Predict => StepKind::Predict(read(with, path)?),
        Uses::Evaluate => StepKind::Evaluate(read(with, path)?),
        Uses::Report => StepKind::Report(read(with, path)?),
        Uses::Command => StepKind::Command(read(with, path)?),
    })
}

pub(crate) fn unknown_options(uses: Uses, with: &Node, path: &str) -> Vec<Diagnostic> {
    match uses {
        Uses::Generate => unknown_keys::<GenerateOptions>(with, path),
        Uses::Import => unknown_keys::<ImportOptions>(with, path),
        Uses::Curate => unknown_keys::<CurateOptions>(with, path),
        Uses::Train => unknown_keys::<TrainOptions>(with, path),
        Uses::Predict => unknown_keys::<PredictOptions>(with, path),
        Uses::Evaluate => unknown_keys::<EvaluateOptions>(with, path),
        Uses::Report => unknown_keys::<ReportOptions>(with, path),
        Uses::Command => unknown_keys::<CommandOptions>(with, path),
    }
}

/// What no single option can tell.
pub(crate) fn check_kind(
    kind: &StepKind,
    file: &StepFile,
    labels: &Labels,
    node: &Node,
    with: &Node,
) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let is_command = matches!(kind, StepKind::Command(_));
    if !file.env.is_empty() && !is_command {
        problems
            .push(node.nearest(&["env"]).problem("`env` is for `uses: command`: no other step reads the environment"));
    }
    match kind {
        StepKind::Command(options) => problems.extend(check_command(options, with)),
        StepKind::Train(options) => problems.extend(check_train(options, &labels.names(), with)),
        StepKind::Predict(options) => {
            if options.int8 && options.device == ComputeDevice::Cuda {
                let message = "`int8` is made for the processor: drop it, or `device: cuda`";
                problems.push(with.nearest(&["int8"]).problem(message));
            }
            problems.extend(unknown_labels("dictionary", options.dictionary.keys(), &labels.names(), with));
        }
        StepKind::Curate(options) if options.min_words > options.max_words => {
            problems.push(with.nearest(&["min-words"]).problem("`min-words` is above `max-words`"));
        }
        StepKind::Generate(options) => {
            problems.extend(check_relations(options.task, &options.relations, with));
            problems.extend(check_generate(options, &labels.names(), with));
        }
        StepKind::Import(options) => problems.extend(check_concept_pairs(options, &labels.names(), with)),
        StepKind::Evaluate(options) => problems.extend(check_scored_labels(options, &labels.names(), with)),
        _ => {}
    }
    problems
}

fn check_concept_pairs(options: &ImportOptions, labels: &[String], with: &Node) -> Vec<Diagnostic> {
    let between = options.concept_pairs.iter().flat_map(|pairs| pairs.between.iter().flatten());
    let known = || labels.iter().map(String::as_str);
    let problem = |label: &String| {
        let problem =
            with.nearest(&["concept-pairs", "between"]).problem(format!("`{label}` is none of the pipeline's labels"));
        problem.suggest(label, known()).or_list("labels", known())
    };
    between.filter(|label| !labels.contains(label)).map(problem).collect()
}

fn check_scored_labels(options: &EvaluateOptions, labels: &[String], with: &Node) -> Vec<Diagnostic> {
    let known = || labels.iter().map(String::as_str);
    let scored = options.labels.iter().flatten();
    let unknown = scored.filter(|label| !labels.contains(label));
    let problem = |label: &String| {
        let problem = with.item("labels", label).problem(format!("`{label}` is none of the pipeline's labels"));
        problem.suggest(label, known()).or_list("labels", known())
    };
    unknown.map(problem).collect()
}

fn check_train(options: &TrainOptions, labels: &[String], with: &Node) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    problems.extend(check_relations(options.task, &options.relations, with));
    let mut complain = |path: &[&str], message: String| problems.push(with.nearest(path).problem(message));
    if options.overlap >= options.max_length {
        complain(&["overlap"], "`overlap` must be below `max-length`".to_owned());
    }
    if options.examples == Some(1) {
        let message = "`examples: 1` is not enough: one is to learn from, and another one to choose the epoch by";
        complain(&["examples"], message.to_owned());
    }
    if options.device == ComputeDevice::Cuda && options.accumulation > 1 {
        let message = "`accumulation` sums gradients on the processor: with `device: cuda` raise `batch-size` instead";
        complain(&["accumulation"], message.to_owned());
    }
    if options.device == ComputeDevice::Cuda && options.precision == TrainPrecision::Bf16 {
        let message = "`precision: bf16` is the processor's: with `device: cuda` it is float32";
        complain(&["precision"], message.to_owned());
    }
    if options.task == Task::Ner {
        if options.pairs != PairOptions::default() {
            complain(&["pairs"], "`pairs` is for `task: re`".to_owned());
        }
        return problems;
    }
    let relations = options.relations.names();
    if relations.len() == 1 {
        complain(
            &["relations"],
            "`task: re` tells relations apart: give two or more, such as one for `none`".to_owned(),
        );
    }
    if options.replace_mentions > 0.0 {
        complain(&["replace-mentions"], "`replace-mentions` is for `task: ner`".to_owned());
    }
    if options.tag_scheme != TrainTagScheme::Bio {
        complain(&["tag-scheme"], "`tag-scheme` is for `task: ner`".to_owned());
    }
    if let Some(unlisted) = options.pairs.unlisted.as_ref().filter(|unlisted| !relations.contains(unlisted)) {
        complain(&["pairs", "unlisted"], format!("`{unlisted}` is none of `relations`"));
    }
    match (options.pairs.between.is_empty(), options.pairs.unlisted.is_none()) {
        (false, true) => complain(
            &["pairs", "between"],
            "pairs of `between` that an example does not list have no relation to learn: say which as `unlisted`"
                .to_owned(),
        ),
        (true, false) => {
            complain(
                &["pairs", "unlisted"],
                "`unlisted` is the relation of pairs of `between`, which is not given".to_owned(),
            );
        }
        _ => {}
    }
    for label in options.pairs.between.iter().flatten().filter(|label| !labels.contains(label)) {
        complain(&["pairs", "between"], format!("`{label}` is none of the pipeline's labels"));
    }
    problems
}

fn check_relations(task: Task, relations: &Labels, with: &Node) -> Option<Diagnostic> {
    let node = with.nearest(&["relations"]);
    match (task, relations.0.is_empty()) {
        (Task::Ner, true) => None,
        (Task::Ner, false) => Some(node.problem("`relations` is for `task: re`: `task: ner` labels mentions only")),
        (Task::Re, true) => Some(node.problem("`task: re` takes `relations`, the labels of pairs, which is not given")),
        (Task::Re, false) => TagSet::new(relations.names()).err().map(|error| node.problem(error.to_string())),
    }
}

/// What a mode takes, where the seeds come from, and what goes with `count`.
fn check_generate(options: &GenerateOptions, labels: &[String], with: &Node) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut complain = |key: &str, message: &str| problems.push(with.nearest(&[key]).problem(message));
    let drawn = !options.vocabularies.is_empty() || options.topics.is_some() || options.styles.is_some();
    match (options.seeds.is_some(), drawn) {
        (false, false) if !options.mode.writes() => {}
        _ if !options.mode.writes() => {
            complain("mode", "this mode labels given texts: it takes no seeds to write from");
        }
        (false, false) => {
            complain("seeds", "the step takes `seeds`, or `vocabularies`, `topics` or `styles` to draw them from");
        }
        (true, true) => {
            complain("seeds", "`seeds` and drawing from `vocabularies`, `topics` or `styles` exclude each other");
        }
        (false, true) if options.requests.is_none() && options.count.is_none() && options.max_candidates.is_none() => {
            complain("requests", "drawn seeds have no end: say `requests`, `count` or `max-candidates`");
        }
        _ => {}
    }
    match (options.mode, &options.search_template) {
        (Strategy::Search, None) => {
            complain("search-template", "`mode: search` takes `search-template`, which asks for prompts to try");
        }
        (Strategy::Search, Some(_)) | (_, None) => {}
        (_, Some(_)) => complain("search-template", "`search-template` is for `mode: search`"),
    }
    if options.mode.writes() && (options.votes > 1 || options.agreement != Agreement::Majority) {
        complain("votes", "`votes` and `agreement` are for the modes that label texts: extract, annotate, verify");
    }
    for (key, given) in [("count", options.count), ("requests", options.requests)] {
        if given.is_some() && !options.mode.writes() {
            complain(key, &format!("`{key}` is for the modes that write: this one asks about each text"));
        }
    }
    if !options.balance.is_empty() && options.count.is_none() {
        complain("balance", "`balance` divides `count`, which is not given");
    }
    if options.count.zip(options.max_candidates).is_some_and(|(count, most)| most < count) {
        complain("max-candidates", "`max-candidates` is below `count`");
    }
    problems.extend(unknown_labels("vocabularies", options.vocabularies.keys(), labels, with));
    problems
}

/// Keys of an option that are to be labels and are none.
fn unknown_labels<'k>(
    option: &str,
    keys: impl Iterator<Item = &'k String>,
    labels: &[String],
    with: &Node,
) -> Vec<Diagnostic> {
    let known = || labels.iter().map(String::as_str);
    let node = with.nearest(&[option]);
    let problem = |label: &String| {
        let problem = node.nearest(&[label]).problem(format!("`{label}` is none of the pipeline's labels"));
        problem.suggest(label, known()).or_list("labels", known())
    };
    keys.filter(|label| !labels.contains(label)).map(problem).collect()
}

fn check_command(options: &CommandOptions, with: &Node) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    if options.run.first().is_none_or(String::is_empty) {
        problems.push(with.nearest(&["run"]).problem("`run` must name a program"));
    }
    for (key, node) in with.get("outs").map_or(&[][..], Node::entries) {
        // An output such as `report.html` has a name with an ending.
        let named = check_name(&key.name.replace('.', "-"));
        problems
            .extend(named.err().map(|_| Diagnostic::new(key.place, format!("`{}` cannot name an output", key.name))));
        let path = options.outs.get(&key.name).map_or(Path::new(""), PathBuf::as_path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || path.as_os_str().is_empty() {
            problems
                .push(node.problem(format!("output path `{}` must lie in the step's working folder", path.display())));
        }
    }
    problems
}

/// Names that stand for something else when they are not given.
pub(crate) fn fill_names(kind: &mut StepKind, pipeline: &str, inputs: &[InputBinding], needed: &[&PlannedStep]) {
    match kind {
        StepKind::Report(options) if options.title.is_empty() => pipeline.clone_into(&mut options.title),
        StepKind::Evaluate(options) => {
            let gold = inputs.iter().find(|input| input.name == "examples");
            if let Some(gold) = gold.filter(|_| options.dataset.is_empty()) {
                gold.from.clone_into(&mut options.dataset);
            }
            let predictions = inputs.iter().filter(|input| input.name == "predictions");
            let systems = predictions.map(|input| system_name(input, &options.over, needed)).collect::<Vec<_>>();
            if systems.len() > 1 {
                options.systems = systems;
            }
        }
        _ => {}
    }
}

/// The instance that predictions come from, without the axis whose values are runs.
fn system_name(input: &InputBinding, over: &str, needed: &[&PlannedStep]) -> String {
    let Some(giver) = needed.iter().find(|step| step.id == input.from) else { return input.from.clone() };
    let run = giver.matrix.contains_key(over).then(|| format!("{over}="));
    let (step, point) = input.from.split_once('@').unwrap_or((&input.from, ""));
    let kept: Vec<_> = point
        .split(',')
        .filter(|part| !part.is_empty() && !run.as_ref().is_some_and(|run| part.starts_with(run)))
        .collect();
    if kept.is_empty() { step.to_owned() } else { format!("{step}@{}", kept.join(",")) }
}

/// The labels that a step is about, among the pipeline's.
pub(crate) fn check_step_labels(file: &StepFile, known: &Labels, node: &Node) -> Vec<Diagnostic> {
    let Some(labels) = &file.labels else { return Vec::new() };
    let problem = |message: &str| vec![node.nearest(&["labels"]).problem(message)];
    if !matches!(file.uses, Uses::Generate | Uses::Train) {
        return problem("`labels` of a step is for `generate` and `train`");
    }
    if labels.is_empty() {
        return problem("`labels` must name at least one label");
    }
    let known = known.names();
    let names = || known.iter().map(String::as_str);
    let unknown = labels.iter().filter(|label| !known.contains(label)).map(|label| {
        let problem = node.item("labels", label).problem(format!("`{label}` is none of the pipeline's labels"));
        problem.suggest(label, names()).or_list("labels", names())
    });
    unknown.collect()
}

pub(crate) fn check_slots(file: &StepFile, limits: &BTreeMap<String, Count>, node: &Node) -> Vec<Diagnostic> {
    let slots = node.nearest(&["slots"]);
    let known = || limits.keys().map(String::as_str);
    let check = |(name, count): (&String, &Count)| match limits.get(name) {
        None => {
            let key = slots.entries().iter().find(|(key, _)| key.name == *name);
            let place = key.map_or(slots.place, |(key, _)| key.place);
            let problem = Diagnostic::new(place, format!("unknown limit `{name}`"));
            Some(problem.suggest(name, known()).or_list("limits", known()))
        }
        Some(limit) if limit.0 < count.0 => {
            let message = format!("{} slots of `{name}` are never free: the limit is {}", count.0, limit.0);
            Some(slots.nearest(&[name]).problem(message))
        }
        Some(_) => None,
    };
    file.slots.iter().filter_map(check).collect()
}
