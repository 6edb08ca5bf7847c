//! What a step takes from the steps it needs, what it gives, and how sensitive that is.

use std::collections::BTreeMap;

use clinsynth_contract::Sensitivity;

use crate::kind::{Arity, Uses};
use crate::node::Node;
use crate::{Diagnostic, Endpoint, InputBinding, Output, OutputForm, PlannedStep, StepKind, Strategy, Task};

/// A step whose inputs are looked for.
pub(crate) struct Taker<'t> {
    pub(crate) step: &'t str,
    pub(crate) kind: &'t StepKind,
    /// The step's mapping, for places.
    pub(crate) node: &'t Node,
    /// Instances that it needs, in the order of `needs`.
    pub(crate) needed: &'t [&'t PlannedStep],
    /// Every step of the file with its kind, for remedies.
    pub(crate) known: &'t [(&'t str, Uses)],
}

impl Taker<'_> {
    /// The step's inputs, in the order of `needs`.
    pub(crate) fn bind(&self) -> Result<Vec<InputBinding>, Vec<Diagnostic>> {
        let Some(wanted) = self.kind.inputs() else { return Ok(self.everything()) };
        let (apart, set_apart) = self.set_apart()?;
        let is_apart = |giver: &PlannedStep| set_apart.contains(&giver.step.as_str());
        let mut problems = Vec::new();
        for &(name, arity) in wanted {
            let givers: Vec<_> = self.givers(name).filter(|giver| !(name == "examples" && is_apart(giver))).collect();
            problems.extend(self.check_count(name, arity, &givers));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if let Some(problem) = self.other_examples().or_else(|| self.unusable_mentions()) {
            return Err(vec![problem]);
        }
        let is_wanted = |output: &Output| wanted.iter().any(|(name, _)| *name == output.name);
        let take = |giver: &PlannedStep, output: &Output| {
            let name = if output.name == "examples" && is_apart(giver) { apart } else { &output.name };
            binding(name, giver, output)
        };
        let outputs = self.needed.iter().flat_map(|giver| giver.outputs.iter().map(move |output| (*giver, output)));
        let taken = outputs.filter(|(giver, output)| is_wanted(output) && self.takes_of(giver, &output.name));
        Ok(taken.map(|(giver, output)| take(giver, output)).collect())
    }

    fn everything(&self) -> Vec<InputBinding> {
        let outputs = self.needed.iter().flat_map(|giver| giver.outputs.iter().map(move |output| (giver, output)));
        outputs.map(|(giver, output)| binding(&output.name, giver, output)).collect()
    }

    fn givers<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s PlannedStep> + 's {
        let gives = move |giver: &&PlannedStep| giver.outputs.iter().any(|output| output.name == name);
        self.needed.iter().copied().filter(gives).filter(move |giver| self.takes_of(giver, name))
    }

    /// Whether an output of that name is looked at: a model that was asked directly gives examples beside its predictions.
    /// They are not the gold that predictions are scored against; but they are what another model is to predict.
    fn takes_of(&self, giver: &PlannedStep, name: &str) -> bool {
        let gives = |name: &str| giver.outputs.iter().any(|output| output.name == name);
        match self.kind {
            StepKind::Evaluate(_) => !(name == "examples" && gives("predictions")),
            StepKind::Predict(_) => !(name == "predictions" && gives("examples")),
            _ => true,
        }
    }

    /// Steps whose examples have a part of their own, with its name: those that others must not resemble, that prompts
    /// show, or that a model learned from.
    fn set_apart(&self) -> Result<(&'static str, Vec<&str>), Vec<Diagnostic>> {
        let (name, option, steps) = match self.kind {
            StepKind::Curate(options) => ("against", "against", options.against.as_slice()),
            StepKind::Evaluate(options) => ("training", "training", options.training.as_slice()),
            StepKind::Generate(options) => {
                ("demonstrations", "demonstrations-from", options.demonstrations_from.as_slice())
            }
            StepKind::Predict(options) => ("dictionary", "dictionary-from", options.dictionary_from.as_slice()),
            _ => return Ok(("", Vec::new())),
        };
        let with = self.node.nearest(&["with"]);
        let giving: Vec<_> = self.givers("examples").map(|giver| giver.step.as_str()).collect();
        let unknown = steps.iter().filter(|step| !giving.contains(&step.as_str()));
        let problems: Vec<_> = unknown
            .map(|step| {
                let message = format!("`{option}` names `{step}`, which is no step in `needs` that gives `examples`");
                let problem = with.item(option, step).problem(message);
                problem.suggest(step, giving.iter().copied()).or_list("steps in `needs`", giving.iter().copied())
            })
            .collect();
        if problems.is_empty() { Ok((name, steps.iter().map(String::as_str).collect())) } else { Err(problems) }
    }

    /// Predictions that were made on other examples than the gold: metrics would refuse them, but only after training.
    fn other_examples(&self) -> Option<Diagnostic> {
        let StepKind::Evaluate(options) = self.kind else { return None };
        let gold = self.givers("examples").find(|giver| !options.training.contains(&giver.step))?;
        // What verifies takes what others labelled, under the same identifiers.
        let reads_gold = |giver: &&PlannedStep| match &giver.kind {
            StepKind::Predict(_) => true,
            StepKind::Generate(options) => options.mode != Strategy::Verify,
            _ => false,
        };
        let made = self.givers("predictions").filter(reads_gold);
        let mut read = made.flat_map(|giver| giver.inputs.iter().map(move |input| (giver, input)));
        let (predictions, other) = read.find(|(_, input)| input.name == "examples" && input.from != gold.id)?;
        let other = &other.from;
        let (step, predictions, gold) = (self.step, &predictions.step, &gold.id);
        let message = format!("`{step}` holds what `{predictions}` found in `{other}` against the gold of `{gold}`");
        Some(
            self.node
                .item("needs", predictions)
                .problem(message)
                .help("predictions and gold must be of the same examples"),
        )
    }

    /// Predicted mentions that the model of the step can make nothing of, or that are those of other texts.
    fn unusable_mentions(&self) -> Option<Diagnostic> {
        let StepKind::Predict(_) = self.kind else { return None };
        let given = self.givers("predictions").next()?;
        let (step, mentions) = (self.step, &given.step);
        let complain = |message: String, help: &str| {
            Some(self.node.item("needs", mentions).problem(message).help(help.to_owned()))
        };
        let (texts, model) = (self.givers("examples").next()?, self.givers("model").next()?);
        let mut read = given.inputs.iter().filter(|input| input.name == "examples");
        if let Some(other) = read.find(|input| input.from != texts.id) {
            let message = format!(
                "`{step}` would judge what `{mentions}` found in `{}` as mentions in `{}`",
                other.from, texts.id
            );
            return complain(message, "mentions and texts must be of the same examples");
        }
        let StepKind::Train(options) = &model.kind else { return None };
        let model = &model.step;
        if options.task == Task::Ner {
            let message =
                format!("`{step}` takes mentions from `{mentions}`, but the model of `{model}` marks its own");
            return complain(message, "predicted mentions are for a model of relations (`task: re`)");
        }
        if options.pairs.between.is_empty() {
            let message = format!(
                "the model of `{model}` judges pairs that examples list, and `{mentions}` lists mentions alone"
            );
            return complain(message, &format!("say under `pairs.between` of `{model}` which pairs are judged"));
        }
        None
    }

    fn check_count(&self, name: &str, arity: Arity, givers: &[&PlannedStep]) -> Option<Diagnostic> {
        match (arity, givers) {
            (Arity::One | Arity::Optional, [_]) | (Arity::Some, [_, ..]) | (Arity::Any, _) => None,
            (Arity::Optional, []) if !self.passes_on() => None,
            (_, []) => Some(self.lacks(name)),
            (_, [first, .., last]) if first.step == last.step => Some(self.takes_one_instance(name, givers)),
            (_, [first, .., last]) => {
                let (step, first, last) = (self.step, &first.step, &last.step);
                let message = format!("`{step}` takes one `{name}`, but both `{first}` and `{last}` give one");
                Some(self.node.item("needs", last).problem(message).help("leave one of them out of `needs`"))
            }
        }
    }

    /// Whether it learns nothing and gives the model that it takes.
    fn passes_on(&self) -> bool {
        matches!(self.kind, StepKind::Train(options) if options.examples == Some(0))
    }

    fn lacks(&self, name: &str) -> Diagnostic {
        let message = format!("`{}` takes `{name}`, but none of the steps that it needs gives that", self.step);
        let gives = |uses: &Uses| uses.outputs().contains(&name);
        let others = self.known.iter().filter(|(step, _)| self.needed.iter().all(|needed| needed.step != *step));
        let givers: Vec<_> =
            others.filter(|(step, uses)| *step != self.step && gives(uses)).map(|(step, _)| *step).collect();
        let kinds: Vec<_> =
            Uses::ALL.iter().filter(|uses| gives(uses)).map(|uses| format!("`{}`", uses.name())).collect();
        self.node.nearest(&["needs"]).problem(message).help(match givers.as_slice() {
            [] => format!("add a step that `uses` {}, and its name to `needs`", kinds.join(" or ")),
            givers => format!("add to `needs` one of: {}", givers.join(", ")),
        })
    }

    fn takes_one_instance(&self, name: &str, givers: &[&PlannedStep]) -> Diagnostic {
        let giver = &givers[0].step;
        let axes: Vec<_> = givers[0].matrix.keys().map(String::as_str).collect();
        let message =
            format!("`{}` takes one `{name}`, but `{giver}` has {} instances for it", self.step, givers.len());
        let axes = axes.join(", ");
        self.node.item("needs", giver).problem(message).help(format!("give `{}` the same `matrix` ({axes})", self.step))
    }
}

fn binding(name: &str, giver: &PlannedStep, output: &Output) -> InputBinding {
    InputBinding {
        name: name.to_owned(),
        from: giver.id.clone(),
        output: output.name.clone(),
        sensitivity: output.sensitivity,
    }
}

/// What a step writes, with the highest sensitivity of its inputs; evaluation is the gate that lets scores pass as figures.
pub(crate) fn outputs(kind: &StepKind, inputs: &[InputBinding]) -> Vec<Output> {
    let highest = Sensitivity::highest(inputs.iter().map(|input| input.sensitivity));
    let level = match kind {
        StepKind::Generate(_) => highest.max(Sensitivity::Synthetic),
        StepKind::Import(options) => options.sensitivity,
        StepKind::Command(options) => match options.sensitivity {
            Some(declared) => declared.max(highest),
            None if inputs.is_empty() => Sensitivity::Restricted,
            None => highest,
        },
        _ => highest,
    };
    let output = |name: &str, form| Output {
        name: name.to_owned(),
        form,
        sensitivity: if ["scores", "comparisons"].contains(&name) { scores_level(kind, level) } else { level },
    };
    if let StepKind::Command(options) = kind {
        let tables = clinsynth_contract::descriptions();
        let is_table = |name: &String| tables.iter().any(|(table, _)| table == name);
        return options.outs.keys().map(|name| output(name, form_of(name, is_table(name)))).collect();
    }
    let names = kind.uses().outputs().iter().copied().chain(predictions_of(kind));
    names.map(|name| output(name, form_of(name, !name.starts_with("report.")))).collect()
}

/// A model that labels given texts makes predictions as a trained one does.
fn predictions_of(kind: &StepKind) -> Option<&'static str> {
    let StepKind::Generate(options) = kind else { return None };
    (!options.mode.writes()).then_some("predictions")
}

/// Figures quote nothing, but only those that our own evaluation computed are known to be mere figures.
fn scores_level(kind: &StepKind, level: Sensitivity) -> Sensitivity {
    match kind {
        StepKind::Evaluate(_) => level.min(Sensitivity::Aggregate),
        _ => level,
    }
}

fn form_of(name: &str, is_table: bool) -> OutputForm {
    match name {
        "model" | "plots" => OutputForm::Folder,
        _ if is_table => OutputForm::Table,
        _ => OutputForm::File,
    }
}

/// Refuses a step that would send text above `synthetic` to a server outside the house.
pub(crate) fn refuse_egress(
    step: &str,
    provider: &Node,
    endpoint: Option<(&str, &Endpoint)>,
    inputs: &[InputBinding],
) -> Option<Diagnostic> {
    let (name, endpoint) = endpoint.filter(|(_, endpoint)| !endpoint.takes_restricted())?;
    let too_high: BTreeMap<&str, Sensitivity> = inputs
        .iter()
        .filter(|input| input.sensitivity > Sensitivity::Synthetic)
        .map(|input| (input.from.as_str(), input.sensitivity))
        .collect();
    let (&first, _) = too_high.first_key_value()?;
    let sources: Vec<_> = too_high.iter().map(|(from, level)| format!("`{from}` ({level})")).collect();
    let message = format!(
        "`{step}` would send what it takes from {} to endpoint `{name}` at `{}`, outside the house",
        sources.join(" and "),
        endpoint.host()
    );
    let help = format!(
        "use an endpoint on this machine, say `on-premises: true` under `endpoints.{name}` if it stands in the house, use \
         `provider: replay`, or, if the text is published, say `sensitivity: public` where `{first}` comes from"
    );
    Some(provider.problem(message).help(help))
}

/// Refuses a `generate` step whose mode lacks its inputs, that lacks what it is to quote, or that would quote what must
/// not be quoted: whatever a prompt shows may come back in the text that the model writes.
pub(crate) fn check_quotes(step: &str, kind: &StepKind, node: &Node, inputs: &[InputBinding]) -> Option<Diagnostic> {
    let StepKind::Generate(options) = kind else { return None };
    let named = |names: &'static [&str]| inputs.iter().filter(|input| names.contains(&input.name.as_str()));
    let needs = node.nearest(&["needs"]);
    let lacks = |names: &'static [&str], option: &str| {
        let message =
            format!("`{step}` takes `{}` for `{option}`, but no step that it needs gives that", names.join("` or `"));
        named(names).next().is_none().then(|| needs.problem(message))
    };
    let quoted = |names: &'static [&str], option: &'static str, highest: Sensitivity| {
        let bad = named(names).find(|input| input.sensitivity > highest)?;
        let message = format!("`{option}` of `{step}` would quote `{}`, which is `{}`", bad.from, bad.sensitivity);
        let help = "a quotation may come back in what the model writes: quote public or synthetic data only";
        Some(node.nearest(&["with", option]).problem(message).help(help))
    };
    let of_mode = match options.mode {
        Strategy::Write => None,
        Strategy::Extract => lacks(&["examples", "documents"], "mode: extract"),
        Strategy::Annotate => lacks(&["examples"], "mode: annotate"),
        Strategy::Verify => lacks(&["examples"], "mode: verify"),
        Strategy::Search => lacks(&["examples"], "mode: search"),
    };
    let demonstrations = || {
        let shown: &'static [&'static str] = match (options.demonstrations, options.demonstrations_from.as_slice()) {
            (0, _) => return None,
            (_, []) if options.mode.writes() => &["examples"],
            (_, []) => {
                let message = "this mode labels the needed `examples`: say under `demonstrations-from` which are shown";
                return Some(node.nearest(&["with", "demonstrations"]).problem(message));
            }
            _ => &["demonstrations"],
        };
        lacks(shown, "demonstrations").or_else(|| quoted(shown, "demonstrations", Sensitivity::Synthetic))
    };
    let feedback = || {
        let asked = options.feedback > 0;
        asked.then(|| {
            lacks(&["errors"], "feedback").or_else(|| quoted(&["errors"], "feedback", Sensitivity::Synthetic))
        })?
    };
    of_mode.or_else(demonstrations).or_else(feedback)
}
