use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Example, Prompt};

use crate::repair::{apply_repairs, repair_prompts};
use crate::selection::{Selection, classes, shares};
use crate::{
    Answers, Backend, GenerateSettings, Labelling, ParseSettings, Parsed, PromptSeed, PromptingError, Task, Template,
    enumerate, parse,
};

/// Has prompts answered that were made with these settings.
pub type Ask<'a, E> = &'a mut dyn FnMut(Vec<Prompt>, &GenerateSettings) -> Result<Answers, E>;

/// How examples are gathered out of completions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatherSettings {
    /// Whether a completion with faults goes back to the model once.
    pub repair: bool,
    /// How many examples to stop at; without it every seed is asked for once and everything valid is kept.
    pub target: Option<Target>,
}

/// An exact number of accepted examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Accepted examples: valid, and no two of the same text.
    pub count: usize,
    /// Examples to ask for at most; repairs are not counted.
    pub max_candidates: usize,
    /// Weights of the classes that share `count`: relations, or labels and `none` for texts without a mention. An
    /// example with several labels counts for the one that is furthest behind. Empty: no balance.
    pub balance: BTreeMap<String, u32>,
}

/// What was gathered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The prompts that were asked, repairs behind the others.
    pub prompts: Vec<Prompt>,
    /// What came back.
    pub answers: Answers,
    /// Accepted examples and what was set aside.
    pub parsed: Parsed,
}

/// Asks in waves until enough examples are accepted, each wave as large as the yield so far lets expect to be needed.
/// Seeds are taken in order, and from the first again when they are used up; one whose label has its share is passed over.
///
/// `ask` is given prompts with the settings that they were made with, and all prompts so far, those of earlier waves first: what was answered before is not asked again, because the
/// request cache holds it. What is asked depends on nothing but the inputs and the answers, so a restart asks the same.
///
/// Errors: those of [`enumerate`] and [`parse`]; [`PromptingError::TooFewAccepted`]; what `ask` returns.
pub fn gather<E: From<PromptingError>>(
    template: &Template,
    seeds: &[PromptSeed],
    settings: &GenerateSettings,
    gathering: &GatherSettings,
    backend: &Backend,
    ask: Ask<'_, E>,
) -> Result<Gathered, E> {
    let Some(target) = &gathering.target else {
        let prompts = enumerate(template, seeds, settings)?;
        let reading = reading(settings, &prompts, seeds);
        return wave(prompts, settings, &reading, gathering.repair, backend, ask);
    };
    let shares = shares(target, &settings.labelling)?;
    let seeds = enough_seeds(seeds, target.max_candidates);
    let prompts = enumerate(template, &seeds, settings)?;
    let reading = reading(settings, &prompts, &seeds);
    let mut waiting: Vec<(Prompt, &PromptSeed)> = prompts.into_iter().zip(seeds.iter().copied()).collect();
    let mut asked: Vec<Prompt> = Vec::new();
    let mut selection = Selection::new(shares.clone());
    let mut set_aside = BTreeMap::new();
    loop {
        let candidates = asked.iter().map(|prompt| prompt.count as usize).sum();
        let wanted = selection.expected_need(candidates);
        let next = next_wave(&mut waiting, &selection, &settings.labelling, wanted, target.max_candidates - candidates);
        if next.is_empty() {
            return Err(E::from(selection.too_few(target.count, candidates, &set_aside)));
        }
        asked.extend(next);
        let mut gathered = wave(asked.clone(), settings, &reading, gathering.repair, backend, ask)?;
        selection = Selection::new(shares.clone());
        gathered.parsed = selection.select(gathered.parsed);
        if selection.is_full() {
            return Ok(gathered);
        }
        set_aside = reasons(&gathered);
    }
}

/// Rows that were set aside, by reason.
fn reasons(gathered: &Gathered) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in gathered.answers.quarantined.iter().chain(&gathered.parsed.quarantined) {
        *counts.entry(row.reason.clone()).or_default() += 1;
    }
    counts
}

/// Seeds in turn until they ask for as many examples as the budget allows.
fn enough_seeds(seeds: &[PromptSeed], max_candidates: usize) -> Vec<&PromptSeed> {
    let mut left = max_candidates;
    // Even a seed that asks for nothing takes its part of the budget, so that this ends.
    let fits = |seed: &&PromptSeed| {
        let count = seed.count.max(1) as usize;
        let fits = count <= left;
        left = left.saturating_sub(count);
        fits
    };
    let rounds = if seeds.is_empty() { 0 } else { max_candidates.div_ceil(seeds.len()) };
    std::iter::repeat_n(seeds, rounds).flatten().take_while(fits).collect()
}

fn next_wave(
    waiting: &mut Vec<(Prompt, &PromptSeed)>,
    selection: &Selection,
    labelling: &Labelling,
    wanted: usize,
    allowed: usize,
) -> Vec<Prompt> {
    let mut chosen = Vec::new();
    let mut sum = 0;
    let open = |seed: &PromptSeed| seed_class(seed, labelling).is_none_or(|class| selection.wants(class));
    waiting.retain(|(prompt, seed)| {
        let count = prompt.count as usize;
        let take = sum < wanted && sum + count <= allowed && open(seed);
        if take {
            sum += count;
            chosen.push(prompt.clone());
        }
        !take
    });
    chosen
}

/// The class that a seed is meant for, where it says so.
fn seed_class<'s>(seed: &'s PromptSeed, labelling: &Labelling) -> Option<&'s str> {
    match labelling.task {
        Task::Re => seed.relation.as_deref(),
        _ => seed.label.as_deref(),
    }
}

/// How completions of these prompts are read, which stand for the seeds in order.
pub(crate) fn reading(
    settings: &GenerateSettings,
    prompts: &[Prompt],
    seeds: &[impl Borrow<PromptSeed>],
) -> ParseSettings {
    let named = prompts.iter().zip(seeds).map(|(prompt, seed)| (prompt.request.clone(), seed.borrow().clone()));
    ParseSettings { seeds: named.collect(), ..ParseSettings::new(settings.labelling.clone()) }
}

/// Asks, parses and repairs.
pub(crate) fn wave<E: From<PromptingError>>(
    mut prompts: Vec<Prompt>,
    settings: &GenerateSettings,
    reading: &ParseSettings,
    repair: bool,
    backend: &Backend,
    ask: Ask<'_, E>,
) -> Result<Gathered, E> {
    let mut answers = ask(prompts.clone(), settings)?;
    let mut parsed = parse(&answers.completions, &prompts, reading)?;
    let mut repairs =
        if repair { repair_prompts(&answers.completions, &prompts, &parsed, settings) } else { Vec::new() };
    if let Backend::Replay(recordings) = backend {
        // No recording is a repair by its values alone: those belong to the prompt that is repaired.
        let mut seen = BTreeSet::new();
        repairs.retain(|prompt| recordings.answers_exactly(prompt) && seen.insert(prompt.digest.clone()));
    }
    if !repairs.is_empty() {
        let mut mended = ask(repairs.clone(), settings)?;
        parsed = apply_repairs(parsed, parse(&mended.completions, &repairs, reading)?);
        // Unreadable lines of recordings were set aside by the first asking.
        mended.quarantined.retain(|row| row.request.is_some());
        answers.extend(mended);
        prompts.extend(repairs);
    }
    Ok(Gathered { prompts, answers, parsed })
}

/// How many examples hold each class, for notes and reports.
pub fn class_counts(examples: &[Example], labelling: &Labelling) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for example in examples {
        for class in classes(example, labelling.task) {
            *counts.entry(class.to_owned()).or_default() += 1;
        }
    }
    counts
}
