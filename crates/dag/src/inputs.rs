//! What a step takes from the steps it needs, what it gives, and how sensitive that is.

use std::collections::BTreeMap;

use clinsynth_contract::Sensitivity;

use crate::kind::{Arity, Uses};
use crate::node::Node;
use crate::{Diagnostic, Endpoint, InputBinding, Output, OutputForm, PlannedStep, StepKind};

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
        let Some(wanted) = self.kind.uses().inputs() else { return Ok(self.everything()) };
        let (aside, steps) = self.aside()?;
        let is_aside = |giver: &PlannedStep| steps.contains(&giver.step);
        let mut problems = Vec::new();
        for &(name, arity) in wanted {
            let givers: Vec<_> = self.givers(name).filter(|giver| !(name == "examples" && is_aside(giver))).collect();
            problems.extend(self.check_count(name, arity, &givers));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if let Some(problem) = self.other_examples() {
            return Err(vec![problem]);
        }
        let is_wanted = |output: &Output| wanted.iter().any(|(name, _)| *name == output.name);
        let take = |giver: &PlannedStep, output: &Output| {
            let name = if output.name == "examples" && is_aside(giver) { aside } else { &output.name };
            binding(name, giver, output)
        };
        let outputs = self.needed.iter().flat_map(|giver| giver.outputs.iter().map(move |output| (*giver, output)));
        Ok(outputs.filter(|(_, output)| is_wanted(output)).map(|(giver, output)| take(giver, output)).collect())
    }

    fn everything(&self) -> Vec<InputBinding> {
        let outputs = self.needed.iter().flat_map(|giver| giver.outputs.iter().map(move |output| (giver, output)));
        outputs.map(|(giver, output)| binding(&output.name, giver, output)).collect()
    }

    fn givers<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s PlannedStep> + 's {
        self.needed.iter().copied().filter(move |giver| giver.outputs.iter().any(|output| output.name == name))
    }

    /// The option that names steps whose examples are taken as something of their own, and these steps.
    fn aside(&self) -> Result<(&'static str, &[String]), Vec<Diagnostic>> {
        let (option, steps) = match self.kind {
            StepKind::Curate(options) => ("against", options.against.as_slice()),
            StepKind::Evaluate(options) => ("training", options.training.as_slice()),
            _ => return Ok(("", &[])),
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
        if problems.is_empty() { Ok((option, steps)) } else { Err(problems) }
    }

    /// Predictions that were made on other examples than the gold: metrics would refuse them, but only after training.
    fn other_examples(&self) -> Option<Diagnostic> {
        let StepKind::Evaluate(options) = self.kind else { return None };
        let gold = self.givers("examples").find(|giver| !options.training.contains(&giver.step))?;
        let made = self.givers("predictions").filter(|giver| matches!(giver.kind, StepKind::Predict(_)));
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

    fn check_count(&self, name: &str, arity: Arity, givers: &[&PlannedStep]) -> Option<Diagnostic> {
        match (arity, givers) {
            (Arity::One, [_]) | (Arity::Some, [_, ..]) | (Arity::Any, _) => None,
            (_, []) => Some(self.lacks(name)),
            (_, [first, .., last]) if first.step == last.step => Some(self.takes_one_instance(name, givers)),
            (_, [first, .., last]) => {
                let (step, first, last) = (self.step, &first.step, &last.step);
                let message = format!("`{step}` takes one `{name}`, but both `{first}` and `{last}` give one");
                Some(self.node.item("needs", last).problem(message).help("leave one of them out of `needs`"))
            }
        }
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
    match kind {
        StepKind::Command(options) => {
            let tables = clinsynth_contract::descriptions();
            let is_table = |name: &String| tables.iter().any(|(table, _)| table == name);
            options.outs.keys().map(|name| output(name, form_of(name, is_table(name)))).collect()
        }
        _ => kind.uses().outputs().iter().map(|name| output(name, form_of(name, *name != "report.html"))).collect(),
    }
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
        "model" => OutputForm::Folder,
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

/// Refuses a `generate` step that lacks what it is to quote, or that would quote what must not be quoted: whatever a prompt
/// shows may come back in the text that the model writes.
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
    let demonstrations = || {
        let asked = options.demonstrations > 0;
        let problem = || lacks(&["examples"], "demonstrations");
        asked.then(|| problem().or_else(|| quoted(&["examples"], "demonstrations", Sensitivity::Synthetic)))?
    };
    let feedback = || {
        let asked = options.feedback > 0;
        asked.then(|| {
            lacks(&["errors"], "feedback").or_else(|| quoted(&["errors"], "feedback", Sensitivity::Synthetic))
        })?
    };
    demonstrations().or_else(feedback)
}
