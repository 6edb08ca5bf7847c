use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Example, Prediction, Prompt, Quarantined, Sensitivity};
use clinsynth_dag::{ExternalFile, GenerateOptions, INCLUDED, Labels, Strategy};
use clinsynth_prompting::{
    Answers, Backend, ClearedErrors, ClearedExamples, GatherSettings, Gathered, GenerateSettings, Label, Labelling,
    Parameters, PromptSeed, PromptingError, Quotes, Sampling, SearchSettings, Searched, SeedSources, Target, Task,
    Template, Trial, Warning, class_counts, clear, clear_errors, clear_examples, draw_seeds, gather, read_lines,
    read_seeds, read_text, read_vocabulary, search,
};
use serde_json::json;

use crate::RunnerError;
use crate::execute::{Context, Made};
use crate::steps::ask::{ask, backend, cost};
use crate::steps::label::label;

/// Examples to ask for at most for each one that is to be accepted, unless the step says otherwise.
const CANDIDATES_EACH: u32 = 3;

/// What came of a strategy.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) prompts: Vec<Prompt>,
    pub(super) answers: Answers,
    pub(super) examples: Vec<Example>,
    /// For strategies that label given texts.
    pub(super) predictions: Option<Vec<Prediction>>,
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) warnings: Vec<Warning>,
    /// What a search for a prompt tried.
    pub(super) trials: Vec<Trial>,
}

/// A language model, live or recorded, writes or labels examples.
pub(crate) fn generate(context: &mut Context<'_>, options: &GenerateOptions) -> Result<Made, RunnerError> {
    let backend = backend(context, options)?;
    let labelling = labelling(context, options);
    let settings = GenerateSettings {
        labelling: labelling.clone(),
        parameters: Parameters {
            model: model(context, options),
            temperature: options.temperature,
            max_tokens: options.max_tokens,
            extra: options.extra.clone().into_iter().collect(),
        },
        quotes: quotes(context, options)?,
        limit: options.requests.map(|requests| requests as usize),
        sensitivity: input_sensitivity(context),
    };
    let outcome = if options.mode.writes() {
        write(context, options, &settings, &backend)?
    } else {
        label(context, options, &settings, &backend)?
    };
    let Outcome { prompts, answers, mut examples, predictions, quarantined, warnings, trials } = outcome;
    for example in &mut examples {
        example.split = options.split.or(example.split);
    }
    let set_aside: Vec<&Quarantined> = answers.quarantined.iter().chain(&quarantined).collect();
    require_examples(context, &examples, &set_aside)?;
    let doubts = warnings.into_iter().map(|warning| doubt(context, warning));
    let set_aside: Vec<_> = answers.quarantined.iter().cloned().chain(quarantined).chain(doubts).collect();
    let tokens: u64 =
        answers.completions.iter().filter_map(|completion| completion.completion_tokens).map(u64::from).sum();
    let mut facts = BTreeMap::from([
        ("requests".to_owned(), json!(prompts.len())),
        ("completion tokens".to_owned(), json!(tokens)),
        ("cost".to_owned(), cost(&answers)),
        ("examples by class".to_owned(), json!(class_counts(&examples, &labelling))),
    ]);
    if !trials.is_empty() {
        facts.insert("prompt search".to_owned(), json!(trials));
    }
    let mut outputs = vec![
        context.write("prompts", prompts)?,
        context.write("completions", answers.completions)?,
        context.write("examples", examples)?,
        context.write("quarantine", set_aside)?,
        context.write("egress", answers.egress)?,
    ];
    if let Some(predictions) = predictions {
        outputs.push(context.write("predictions", predictions)?);
    }
    Ok(Made { outputs, facts })
}

/// The template that an option names.
pub(super) fn template(context: &Context<'_>, role: &str, path: &Path) -> Result<Template, RunnerError> {
    Ok(Template::read_with(context.file(role).unwrap_or(path), &included(context))?)
}

/// Writes examples from seeds, by the best prompt of a search if the mode is one.
fn write(
    context: &mut Context<'_>,
    options: &GenerateOptions,
    settings: &GenerateSettings,
    backend: &Backend,
) -> Result<Outcome, RunnerError> {
    let template = template(context, "template", &options.template)?;
    let gathering = gathering(options);
    let mut seeds = match context.file("seeds") {
        Some(path) => read_seeds(path)?,
        None => drawn(context, options, &gathering, &settings.labelling)?,
    };
    let mut outcome = Outcome::default();
    if options.mode == Strategy::Search {
        let searched = search_prompt(context, options, &template, &seeds, settings, backend)?;
        let best = searched.best().map(|trial| trial.instructions.clone());
        for seed in &mut seeds {
            seed.instructions.clone_from(&best);
        }
        let Searched { prompts, answers, quarantined, trials } = searched;
        outcome = Outcome { prompts, answers, quarantined, trials, ..outcome };
    }
    let Gathered { prompts, answers, parsed } =
        gather(&template, &seeds, settings, &gathering, backend, &mut |prompts, settings| {
            ask(context, &clear(prompts, backend)?, backend, settings)
        })?;
    outcome.prompts.extend(prompts);
    outcome.answers.extend(answers);
    outcome.quarantined.extend(parsed.quarantined);
    Ok(Outcome { examples: parsed.examples, warnings: parsed.warnings, ..outcome })
}

fn search_prompt(
    context: &mut Context<'_>,
    options: &GenerateOptions,
    write: &Template,
    seeds: &[PromptSeed],
    settings: &GenerateSettings,
    backend: &Backend,
) -> Result<Searched, RunnerError> {
    // The plan refuses a search without its template.
    let path = options.search_template.as_deref().unwrap_or(&options.template);
    let propose = template(context, "search-template", path)?;
    let dev: Vec<Example> = context.rows("examples")?;
    let searching = SearchSettings {
        rounds: options.rounds,
        candidates: options.candidates,
        examples: options.trial_examples,
        repair: options.repair,
    };
    let seed = seeds.first().cloned().unwrap_or_default();
    search([&propose, write], &seed, &dev, settings, &searching, backend, &mut |prompts, settings| {
        ask(context, &clear(prompts, backend)?, backend, settings)
    })
}

/// The files that the template takes in, as the plan found them: each counts in the step's key.
fn included(context: &Context<'_>) -> Vec<(String, PathBuf)> {
    let name = |file: &ExternalFile| Some((file.role.strip_prefix(INCLUDED)?.to_owned(), file.path.clone()));
    context.step.files.iter().filter_map(name).collect()
}

/// What prompts show beside their seed.
fn quotes(context: &Context<'_>, options: &GenerateOptions) -> Result<Quotes, RunnerError> {
    let read = |path: &Path| read_text(path).map(|text| text.trim().to_owned());
    Ok(Quotes {
        guideline: context.file("guideline").map(read).transpose()?,
        demonstrations: if options.demonstrations > 0 {
            let shown = if options.demonstrations_from.is_empty() { "examples" } else { "demonstrations" };
            clear_examples(context.rows(shown)?)?
        } else {
            ClearedExamples::default()
        },
        demonstrations_each: options.demonstrations as usize,
        errors: if options.feedback > 0 { clear_errors(context.rows("errors")?)? } else { ClearedErrors::default() },
        errors_each: options.feedback as usize,
        seed: options.seed,
    })
}

/// Seeds out of vocabularies, topics and styles: as many as the step can ask for.
fn drawn(
    context: &Context<'_>,
    options: &GenerateOptions,
    gathering: &GatherSettings,
    labelling: &Labelling,
) -> Result<Vec<PromptSeed>, RunnerError> {
    let vocabulary = |label: &String| {
        let terms = context.file(&format!("vocabularies {label}")).map(read_vocabulary).transpose()?;
        Ok((label.clone(), terms.unwrap_or_default()))
    };
    let lines = |role: &str| context.file(role).map(read_lines).transpose().map(Option::unwrap_or_default);
    let sources = SeedSources {
        vocabularies: options.vocabularies.keys().map(vocabulary).collect::<Result<_, PromptingError>>()?,
        topics: lines("topics")?,
        styles: lines("styles")?,
        sampling: match options.sampling {
            clinsynth_dag::Sampling::Uniform => Sampling::Uniform,
            clinsynth_dag::Sampling::Stratified => Sampling::Stratified,
            clinsynth_dag::Sampling::Coverage => Sampling::Coverage,
        },
        seed: options.seed,
        per_request: options.per_request,
    };
    let candidates = gathering.target.as_ref().map(|target| target.max_candidates);
    let candidates = candidates.or(options.max_candidates.map(|most| most as usize)).unwrap_or(usize::MAX);
    let requests = options.requests.map_or(usize::MAX, |requests| requests as usize);
    // The plan refuses a step that sets none of these.
    Ok(draw_seeds(&sources, labelling, requests.min(candidates.div_ceil(options.per_request as usize)))?)
}

fn gathering(options: &GenerateOptions) -> GatherSettings {
    let target = |count: u32| Target {
        count: count as usize,
        max_candidates: options.max_candidates.unwrap_or(count.saturating_mul(CANDIDATES_EACH)) as usize,
        balance: options.balance.clone(),
    };
    GatherSettings { repair: options.repair, target: options.count.map(target) }
}

fn labelling(context: &Context<'_>, options: &GenerateOptions) -> Labelling {
    let described = |labels: &Labels| labels.0.iter().map(|label| Label::new(&label.name, &label.definition)).collect();
    let task = match (options.mode, options.task) {
        (Strategy::Extract | Strategy::Annotate, _) => Task::Extract,
        (Strategy::Verify, _) => Task::Verify,
        (_, clinsynth_dag::Task::Ner) => Task::Ner,
        (_, clinsynth_dag::Task::Re) => Task::Re,
    };
    Labelling { task, labels: described(&context.step.labels), relations: described(&options.relations) }
}

fn model(context: &Context<'_>, options: &GenerateOptions) -> String {
    let of_endpoint = context.step.endpoint.as_ref().map(|endpoint| endpoint.model.clone());
    options.model.clone().or(of_endpoint).unwrap_or_else(|| "replay".to_owned())
}

/// Prompts are at least public text; what they quote of their inputs makes them as sensitive as those.
fn input_sensitivity(context: &Context<'_>) -> Sensitivity {
    Sensitivity::highest(context.inputs.iter().map(|input| input.output.sensitivity))
}

/// A warning as a row: the report counts it apart from what was set aside.
fn doubt(context: &Context<'_>, warning: Warning) -> Quarantined {
    Quarantined {
        id: warning.id,
        stage: "generate".to_owned(),
        reason: warning.reason.code().to_owned(),
        detail: warning.detail,
        sensitivity: context.sensitivity("quarantine"),
        ..Quarantined::default()
    }
}

/// A step that yields nothing at all would only fail later and further from the cause, which its commonest reason shows.
fn require_examples(
    context: &Context<'_>,
    examples: &[Example],
    set_aside: &[&Quarantined],
) -> Result<(), RunnerError> {
    if !examples.is_empty() {
        return Ok(());
    }
    let count = |row: &Quarantined| set_aside.iter().filter(|other| other.reason == row.reason).count();
    let what = match set_aside.iter().rev().max_by_key(|row| count(row)) {
        Some(row) => {
            // A detail may quote its text, and this goes to the terminal and the log.
            let quotable = row.sensitivity <= Sensitivity::Synthetic;
            let detail = if quotable { format!(", such as: {}", row.detail) } else { String::new() };
            let (rows, reason) = (set_aside.len(), &row.reason);
            format!("no completion gave an example; {rows} rows were set aside, most of them as `{reason}`{detail}")
        }
        None => "no completion gave an example, and nothing was set aside".to_owned(),
    };
    Err(RunnerError::Empty { step: context.step.id.clone(), what })
}
