use std::collections::BTreeMap;

use clinsynth_contract::{Example, Quarantined};

use crate::characters::{Script, character_finding, main_script};
use crate::contamination::drop_contaminated;
use crate::duplicates::drop_duplicates;
use crate::ledger::{Finding, Ledger};
use crate::mentions::check_mentions;
use crate::spans::repair_mentions;
use crate::tokens::tokens;
use crate::{CurationError, CurationSettings, Reason, split_by_topic};

/// The outcome: `kept` and `quarantined` together are the input, each example in exactly one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curated {
    /// The data set, in the order of the input, each with a split.
    pub kept: Vec<Example>,
    /// What was set aside, filter by filter; each example with the first reason found.
    pub quarantined: Vec<Quarantined>,
    /// Remarks that cost no example (forgotten mentions, label conflicts, repairs); a repaired example may still fall
    /// to a later filter.
    pub flags: Vec<Quarantined>,
    /// Rows of `quarantined` and `flags` by reason code; a reason that did not occur has none.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Curates a data set; `against` holds the evaluation sets whose copies must not be trained on.
///
/// In this order: mentions repaired or refused, length, characters, duplicates (the first in order stays), near copies
/// of evaluation texts, consistency of mentions, split. The outcome depends on the input and the settings alone.
///
/// Errors: a setting outside its range.
pub fn curate(
    examples: Vec<Example>,
    against: &[Example],
    settings: &CurationSettings,
) -> Result<Curated, CurationError> {
    settings.check()?;
    let mut ledger = Ledger::default();
    let main = main_script(&examples);
    let kept = inspect_each(examples, main, settings, &mut ledger);
    let kept = drop_duplicates(kept, settings.near_duplicate, &mut ledger);
    let kept = drop_contaminated(kept, against, settings, &mut ledger);
    let mut kept = check_mentions(kept, &settings.mentions, &mut ledger);
    split_by_topic(&mut kept, &settings.split)?;
    let Ledger { quarantined, flags } = ledger;
    let counts = count(quarantined.iter().chain(&flags));
    Ok(Curated { kept, quarantined, flags, counts })
}

/// The filters that look at one example alone.
fn inspect_each(
    examples: Vec<Example>,
    main: Script,
    settings: &CurationSettings,
    ledger: &mut Ledger,
) -> Vec<Example> {
    let mut kept = Vec::with_capacity(examples.len());
    for mut example in examples {
        let inspected = repair_mentions(&mut example).and_then(|repairs| {
            let finding = length_finding(&example.text, settings);
            finding.or_else(|| character_finding(&example.text, main, settings)).map_or(Ok(repairs), Err)
        });
        match inspected {
            Err(finding) => ledger.set_aside(&example, finding),
            Ok(repairs) => {
                for repair in repairs {
                    ledger.flag(&example, repair);
                }
                kept.push(example);
            }
        }
    }
    kept
}

fn length_finding(text: &str, settings: &CurationSettings) -> Option<Finding> {
    let words = tokens(text).iter().filter(|token| token.word).count();
    if words < settings.min_words as usize {
        return Some((Reason::TooShort, format!("{words} words, at least {} wanted", settings.min_words)));
    }
    let most = settings.max_words as usize;
    (words > most).then(|| (Reason::TooLong, format!("{words} words, at most {most} wanted")))
}

fn count<'a>(rows: impl Iterator<Item = &'a Quarantined>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        if let Some(reason) = Reason::ALL.iter().find(|reason| reason.code() == row.reason) {
            *counts.entry(reason.code()).or_default() += 1;
        }
    }
    counts
}
