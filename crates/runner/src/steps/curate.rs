use std::collections::BTreeMap;

use clinsynth_contract::Example;
use clinsynth_curation::{
    Curated, CurationSettings, MentionPolicy as Policy, MentionSettings, SplitSettings, curate as curate_examples,
};
use clinsynth_dag::{CurateOptions, MentionPolicy};
use serde_json::json;

use crate::RunnerError;
use crate::execute::{Context, Made};

/// Duplicates and doubtful examples are set aside, the rest is split by topic.
pub(crate) fn curate(context: &mut Context<'_>, options: &CurateOptions) -> Result<Made, RunnerError> {
    let examples: Vec<Example> = context.rows("examples")?;
    let against: Vec<Example> = context.rows("against")?;
    let total = examples.len();
    let Curated { kept, quarantined, flags, counts } = curate_examples(examples, &against, &settings(options))?;
    if kept.is_empty() {
        let what = format!("all {total} examples were set aside: {counts:?}");
        return Err(RunnerError::Empty { step: context.step.id.clone(), what });
    }
    context.note(format!("{} of {total} examples kept, {} flags", kept.len(), flags.len()));
    let facts: BTreeMap<_, _> = counts.into_iter().map(|(reason, count)| (reason.to_owned(), json!(count))).collect();
    let outputs =
        vec![context.write("examples", kept)?, context.write("quarantine", quarantined.into_iter().chain(flags))?];
    Ok(Made { outputs, facts })
}

fn settings(options: &CurateOptions) -> CurationSettings {
    CurationSettings {
        min_words: options.min_words,
        max_words: options.max_words,
        near_duplicate: options.near_duplicate,
        contamination_words: options.contamination_words,
        max_foreign_share: options.max_foreign_share,
        mentions: MentionSettings {
            policy: match options.forgotten_mentions {
                MentionPolicy::Keep => Policy::Keep,
                MentionPolicy::Drop => Policy::Drop,
                MentionPolicy::Label => Policy::Label,
            },
            min_count: options.forgotten_min_count,
            min_share: options.forgotten_min_share,
        },
        split: SplitSettings { dev_fraction: options.dev_fraction, seed: options.seed },
        ..CurationSettings::default()
    }
}
