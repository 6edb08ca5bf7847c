//! Step instances: options read at one point of the matrix, inputs bound, sensitivity carried on.

use std::path::Path;

use clinsynth_contract::Sensitivity;

use crate::checks::{check_kind, check_slots, check_step_labels, fill_names, read_options, unknown_options};
use crate::draft::Draft;
use crate::expression::Scope;
use crate::inputs::{Taker, check_quotes, outputs, refuse_egress};
use crate::kind::Uses;
use crate::matrix::{Point, agree, instance_id};
use crate::node::{Content, Node};
use crate::options::REPLAY;
use crate::pipeline::{PipelineFile, StepFile};
use crate::reader::read;
use crate::{Diagnostic, Endpoint, ExternalFile, GenerateOptions, Labels, PlannedStep, SkippedStep, StepKind, files};

/// Adds steps one after the other, each after all that it needs.
pub(crate) struct InstanceBuilder<'b> {
    file: &'b PipelineFile,
    scope: &'b Scope<'b>,
    drafts: &'b [Draft<'b>],
    pipeline_dir: &'b Path,
    /// Instances of each step, by index, as far as they were added.
    instances: Vec<Vec<Instance>>,
    planned: Vec<PlannedStep>,
    skipped: Vec<SkippedStep>,
    problems: Vec<Diagnostic>,
}

struct Instance {
    point: Point,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Index into the planned steps.
    Planned(usize),
    Skipped,
    /// Something is wrong with it; those who need it are not complained about.
    Broken,
}

/// What the instances that a step needs amount to.
struct Needed<'p> {
    planned: Vec<&'p PlannedStep>,
    /// Name of a step that is skipped.
    skipped: Option<&'p str>,
    broken: bool,
}

impl<'b> InstanceBuilder<'b> {
    pub(crate) fn new(
        file: &'b PipelineFile,
        scope: &'b Scope<'b>,
        drafts: &'b [Draft<'b>],
        pipeline_dir: &'b Path,
    ) -> Self {
        let instances = drafts.iter().map(|_| Vec::new()).collect();
        Self { file, scope, drafts, pipeline_dir, instances, planned: vec![], skipped: vec![], problems: vec![] }
    }

    /// Adds every instance of a step.
    pub(crate) fn add(&mut self, index: usize) {
        let drafts = self.drafts;
        let draft = &drafts[index];
        let mut ids: Vec<String> = Vec::new();
        for point in &draft.points {
            let id = instance_id(draft.name, point);
            if ids.contains(&id) {
                let message = format!("two instances of the matrix are called `{id}`");
                self.problems.push(draft.shape.nearest(&["matrix"]).problem(message));
            }
            let state = self.add_instance(draft, point, &id).unwrap_or_else(|found| {
                self.problems.extend(found);
                State::Broken
            });
            self.instances[index].push(Instance { point: point.clone(), state });
            ids.push(id);
        }
    }

    pub(crate) fn finish(self) -> Result<(Vec<PlannedStep>, Vec<SkippedStep>), Vec<Diagnostic>> {
        if self.problems.is_empty() { Ok((self.planned, self.skipped)) } else { Err(self.problems) }
    }

    fn add_instance(&mut self, draft: &Draft<'_>, point: &Point, id: &str) -> Result<State, Vec<Diagnostic>> {
        let scope = Scope { matrix: Some(point), ..*self.scope };
        if let Some(reason) = self.reason_to_skip(draft, point, &scope)? {
            let found = skipped_options(draft, &Scope { nulls: true, ..scope });
            if !found.is_empty() {
                return Err(found);
            }
            let (step, uses) = (draft.name.to_owned(), draft.file.uses.name().to_owned());
            self.skipped.push(SkippedStep { id: id.to_owned(), step, uses, reason });
            return Ok(State::Skipped);
        }
        let mut problems = Vec::new();
        let node = scope.evaluate(draft.node, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let needed = self.needed(draft, point)?;
        if needed.broken {
            self.check_options(draft, &node)?;
            return Ok(State::Broken);
        }
        let step = self.plan_step(draft, point, id, &node, &needed.planned)?;
        self.planned.push(step);
        Ok(State::Planned(self.planned.len() - 1))
    }

    fn needed(&self, draft: &Draft<'_>, point: &Point) -> Result<Needed<'_>, Vec<Diagnostic>> {
        let mut needed = Needed { planned: Vec::new(), skipped: None, broken: false };
        for &index in &draft.needs {
            let name = self.drafts[index].name;
            let mut met = false;
            for instance in self.instances[index].iter().filter(|instance| agree(&instance.point, point)) {
                met = true;
                match instance.state {
                    State::Planned(step) => needed.planned.push(&self.planned[step]),
                    State::Skipped => needed.skipped = Some(name),
                    State::Broken => needed.broken = true,
                }
            }
            if !met {
                let message = format!("`{name}` has no instance that belongs to `{}`", instance_id(draft.name, point));
                let help = "an axis that both steps have must hold the same values in both";
                return Err(vec![draft.shape.item("needs", name).problem(message).help(help)]);
            }
        }
        Ok(needed)
    }

    fn reason_to_skip(
        &self,
        draft: &Draft<'_>,
        point: &Point,
        scope: &Scope<'_>,
    ) -> Result<Option<String>, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        if let Some(condition) = draft.node.get("if") {
            let value = scope.evaluate(condition, &mut problems);
            if problems.is_empty() && !is_true(&value.content) {
                return Ok(Some(format!("its `if` is {}", value.to_json())));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let needed = self.needed(draft, point)?;
        let takes_what_there_is = takes_what_there_is(draft.file.uses, &needed);
        Ok(match needed.skipped {
            Some(name) if !takes_what_there_is => Some(format!("it needs `{name}`, which is skipped")),
            _ => None,
        })
    }

    /// The typed options and the files that they name.
    fn check_options(
        &self,
        draft: &Draft<'_>,
        node: &Node,
    ) -> Result<(StepKind, StepFile, Vec<ExternalFile>), Vec<Diagnostic>> {
        let absent = Node::absent(draft.key.place);
        let with = node.get("with").filter(|with| with.content != Content::Null).unwrap_or(&absent);
        let file = read::<StepFile>(node, &format!("steps.{}", draft.name));
        let kind = read_options(draft.file.uses, with, &with_path(draft));
        let files = match &kind {
            Ok(kind) => files::external_files(kind, with, self.pipeline_dir),
            Err(_) => Ok(Vec::new()),
        };
        let mut problems = Vec::new();
        match (kind, file, files) {
            (Ok(kind), Ok(file), Ok(files)) => {
                problems.extend(check_slots(&file, &self.file.limits, node));
                problems.extend(check_step_labels(&file, &self.file.labels, node));
                problems.extend(check_kind(&kind, &file, &self.file.labels.only(file.labels.as_deref()), node, with));
                if problems.is_empty() { Ok((kind, file, files)) } else { Err(problems) }
            }
            (kind, file, files) => {
                problems.extend(file.err().into_iter().flatten());
                problems.extend(kind.err().into_iter().flatten());
                problems.extend(files.err().into_iter().flatten());
                Err(problems)
            }
        }
    }

    fn plan_step(
        &self,
        draft: &Draft<'_>,
        point: &Point,
        id: &str,
        node: &Node,
        needed: &[&PlannedStep],
    ) -> Result<PlannedStep, Vec<Diagnostic>> {
        let checked = self.check_options(draft, node);
        let (mut kind, file, files) = checked?;
        let endpoint = match &kind {
            StepKind::Generate(options) => self.endpoint(options, node).map_err(|problem| vec![problem])?,
            _ => None,
        };
        let known: Vec<_> = self.drafts.iter().map(|draft| (draft.name, draft.file.uses)).collect();
        let inputs = Taker { step: draft.name, kind: &kind, node, needed, known: &known }.bind()?;
        let provider = node.nearest(&["with", "provider"]);
        if let Some(refusal) = refuse_egress(draft.name, provider, endpoint.as_ref().map(|(n, e)| (*n, e)), &inputs) {
            return Err(vec![refusal]);
        }
        if let Some(problem) = check_quotes(draft.name, &kind, node, &inputs) {
            return Err(vec![problem]);
        }
        fill_names(&mut kind, &self.file.name, &inputs, needed);
        let outputs = outputs(&kind, &inputs);
        Ok(PlannedStep {
            id: id.to_owned(),
            step: draft.name.to_owned(),
            matrix: point.iter().map(|(axis, value)| (axis.clone(), value.to_json())).collect(),
            needs: needed.iter().map(|step| step.id.clone()).collect(),
            sensitivity: Sensitivity::highest(outputs.iter().map(|output| output.sensitivity)),
            labels: self.labels(kind.uses(), file.labels.as_deref()),
            kind,
            inputs,
            outputs,
            files,
            endpoint: endpoint.map(|(_, endpoint)| endpoint),
            env: file.env,
            resources: file.resources,
            retry: file.retry,
            timeout_seconds: file.timeout_minutes.map(|minutes| (minutes * 60.0).ceil() as u64),
            slots: file.slots.into_iter().map(|(name, count)| (name, count.0)).collect(),
            max_parallel: file.max_parallel.map(|count| count.0),
            fail_fast: file.fail_fast,
        })
    }

    /// The labels as far as they decide the output of a kind.
    fn labels(&self, uses: Uses, own: Option<&[String]>) -> Labels {
        let labels = self.file.labels.only(own);
        match uses {
            Uses::Generate => labels,
            _ if uses.takes_labels() => labels.without_definitions(),
            _ => Labels::default(),
        }
    }

    /// The endpoint that a `generate` step asks, with the model it asks for; none for replay.
    fn endpoint(&self, options: &GenerateOptions, node: &Node) -> Result<Option<(&'b str, Endpoint)>, Diagnostic> {
        if options.provider == REPLAY {
            return match options.recordings {
                Some(_) => Ok(None),
                None => {
                    Err(node.nearest(&["with"]).problem("`provider: replay` takes `recordings`, which is not given"))
                }
            };
        }
        let known = || std::iter::once(REPLAY).chain(self.file.endpoints.keys().map(String::as_str));
        match self.file.endpoints.get_key_value(&options.provider) {
            Some((name, endpoint)) => {
                if let Some(tokenizer) = endpoint.tokenizer.as_ref().map(|path| self.pipeline_dir.join(path))
                    && !tokenizer.is_file()
                {
                    let message = format!("endpoint `{name}` has a `tokenizer` that is not there");
                    let problem = node.nearest(&["with", "provider"]).problem(message);
                    return Err(problem.help(format!("looked for {}", tokenizer.display())));
                }
                let model = options.model.clone().unwrap_or_else(|| endpoint.model.clone());
                Ok(Some((name, Endpoint { model, ..endpoint.clone() })))
            }
            None => Err(node
                .nearest(&["with", "provider"])
                .problem(format!("unknown provider `{}`", options.provider))
                .suggest(&options.provider, known())
                .or_list("providers are `replay` and the names under `endpoints`", known())),
        }
    }
}

fn with_path(draft: &Draft<'_>) -> String {
    format!("steps.{}.with", draft.name)
}

/// Whether a step runs without the skipped ones among those that it needs: a report is about what there is, and an
/// evaluation about the predictions that there are, as long as there are some, and gold to compare them with.
fn takes_what_there_is(uses: Uses, needed: &Needed<'_>) -> bool {
    let planned = &needed.planned;
    let gives = |step: &PlannedStep, name: &str| step.outputs.iter().any(|output| output.name == name);
    match uses {
        Uses::Report | Uses::Evaluate if needed.broken => true,
        Uses::Report => !planned.is_empty(),
        Uses::Evaluate => {
            let predicted = planned.iter().any(|step| gives(step, "predictions"));
            predicted && planned.iter().any(|step| gives(step, "examples") && !gives(step, "predictions"))
        }
        _ => false,
    }
}

/// Unknown options of a skipped step; its values need not make sense, since the parameters behind them may be null.
fn skipped_options(draft: &Draft<'_>, scope: &Scope<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let with = draft.node.get("with").map(|with| scope.evaluate(with, &mut problems));
    let unknown = with.map(|with| unknown_options(draft.file.uses, &with, &with_path(draft)));
    problems.into_iter().chain(unknown.into_iter().flatten()).collect()
}

fn is_true(value: &Content) -> bool {
    match value {
        Content::Null => false,
        Content::Bool(value) => *value,
        Content::Number(value) => value.as_f64() != Some(0.0),
        Content::Text(value) => !value.is_empty(),
        Content::List(_) | Content::Map(_) => true,
    }
}
