use std::collections::BTreeMap;

use clinsynth_contract::{Example, Quarantined, Sensitivity};
use clinsynth_dag::{GenerateOptions, Labels};
use clinsynth_prompting::{
    GenerateSettings, Label, Labelling, Parameters, ParseSettings, Parsed, Task, Template, Warning, clear, enumerate,
    parse, read_seeds,
};
use serde_json::json;

use crate::RunnerError;
use crate::execute::{Context, Made};
use crate::steps::ask::{ask, backend, cost};

/// A language model, live or recorded, writes labelled examples.
pub(crate) fn generate(context: &mut Context<'_>, options: &GenerateOptions) -> Result<Made, RunnerError> {
    let template = Template::read(context.file("template").unwrap_or(&options.template))?;
    let seeds = read_seeds(context.file("seeds").unwrap_or(&options.seeds))?;
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
        limit: options.requests.map(|requests| requests as usize),
        sensitivity: input_sensitivity(context),
    };
    let prompts = enumerate(&template, &seeds, &settings)?;
    let cleared = clear(prompts, &backend)?;
    let answers = ask(context, &cleared, &backend, &settings)?;
    let Parsed { mut examples, quarantined, warnings } =
        parse(&answers.completions, cleared.prompts(), &ParseSettings::new(labelling))?;
    for example in &mut examples {
        example.split = options.split.or(example.split);
    }
    require_examples(context, &examples, answers.quarantined.len() + quarantined.len())?;
    let doubts = warnings.into_iter().map(|warning| doubt(context, warning));
    let set_aside: Vec<_> = answers.quarantined.iter().cloned().chain(quarantined).chain(doubts).collect();
    let tokens: u64 =
        answers.completions.iter().filter_map(|completion| completion.completion_tokens).map(u64::from).sum();
    let facts = BTreeMap::from([
        ("requests".to_owned(), json!(cleared.prompts().len())),
        ("completion tokens".to_owned(), json!(tokens)),
        ("cost".to_owned(), cost(&answers)),
    ]);
    let outputs = vec![
        context.write("prompts", cleared.prompts().to_vec())?,
        context.write("completions", answers.completions)?,
        context.write("examples", examples)?,
        context.write("quarantine", set_aside)?,
        context.write("egress", answers.egress)?,
    ];
    Ok(Made { outputs, facts })
}

fn labelling(context: &Context<'_>, options: &GenerateOptions) -> Labelling {
    let described = |labels: &Labels| labels.0.iter().map(|label| Label::new(&label.name, &label.definition)).collect();
    let task = match options.task {
        clinsynth_dag::Task::Ner => Task::Ner,
        clinsynth_dag::Task::Re => Task::Re,
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

/// A step that yields nothing at all would only fail later and further from the cause.
fn require_examples(context: &Context<'_>, examples: &[Example], set_aside: usize) -> Result<(), RunnerError> {
    if !examples.is_empty() {
        return Ok(());
    }
    let what = format!(
        "no completion gave an example ({set_aside} rows were set aside; see the template and the model's settings)"
    );
    Err(RunnerError::Empty { step: context.step.id.clone(), what })
}
