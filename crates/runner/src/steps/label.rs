use clinsynth_contract::{Document, Example};
use clinsynth_dag::{Agreement as Planned, GenerateOptions, Strategy};
use clinsynth_prompting::{Agreement, Backend, GenerateSettings, Voted, Voting, annotate, clear};

use crate::RunnerError;
use crate::execute::Context;
use crate::steps::ask::ask;
use crate::steps::generate::{Outcome, template};

/// Has given texts labelled, or their labels judged.
pub(super) fn label(
    context: &mut Context<'_>,
    options: &GenerateOptions,
    settings: &GenerateSettings,
    backend: &Backend,
) -> Result<Outcome, RunnerError> {
    let template = template(context, "template", &options.template)?;
    let texts = texts(context)?;
    let voting = Voting {
        votes: options.votes,
        agreement: match options.agreement {
            Planned::Majority => Agreement::Majority,
            Planned::Unanimous => Agreement::Unanimous,
        },
        own_vote: options.mode == Strategy::Annotate,
        repair: options.repair,
    };
    let voted = annotate(&template, &texts, settings, voting, backend, &mut |prompts, settings| {
        ask(context, &clear(prompts, backend)?, backend, settings)
    })?;
    let Voted { prompts, answers, examples, predictions, quarantined, warnings } = voted;
    let predictions = Some(predictions);
    Ok(Outcome { prompts, answers, examples, predictions, quarantined, warnings, ..Outcome::default() })
}

/// The texts of the needed examples and documents, in the order of `needs`.
fn texts(context: &Context<'_>) -> Result<Vec<Example>, RunnerError> {
    let mut texts: Vec<Example> = context.rows("examples")?;
    let documents: Vec<Document> = context.rows("documents")?;
    texts.extend(documents.into_iter().map(|document| Example {
        document: document.id.clone(),
        id: document.id,
        text: document.text,
        sensitivity: document.sensitivity,
        ..Example::default()
    }));
    Ok(texts)
}
