//! The search for a prompt (Tang et al. 2023, section 2.3), with a score in place of the authors' eyes.

use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Completion, Example, Prompt, Quarantined};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extract::single_value;
use crate::gather::{Ask, reading, wave};
use crate::{Answers, Backend, GenerateSettings, PromptSeed, PromptingError, Reason, Task, Template, enumerate};

/// Instructions shown with their scores when further ones are asked for.
const SHOWN: usize = 3;

/// Keys under which models put a list of instructions.
const PROMPT_KEYS: [&str; 5] = ["prompts", "instructions", "candidates", "examples", "items"];

/// How instructions are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchSettings {
    /// Rounds, in each of which candidates are asked for and tried.
    pub rounds: u32,
    /// Candidates in a round.
    pub candidates: u32,
    /// Examples that are written with each.
    pub examples: u32,
    /// Whether a completion with faults goes back to the model once.
    pub repair: bool,
}

/// Instructions that were tried, and how good what they led to is.
///
/// The score is `valid · likeness · density · variety`, each 0 to 1:
/// - `valid`: valid examples among those asked for;
/// - `likeness`: cosine of the counts of lower-case character trigrams in the examples and in the dev set;
/// - `density`: mentions a word in the examples against the dev set's, the smaller by the larger;
/// - `variety`: 1 less the mean, over the examples, of the largest Jaccard similarity of trigrams with another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Round, from 1.
    pub round: u32,
    /// Number in the round, from 1.
    pub candidate: u32,
    /// The instructions.
    pub instructions: String,
    /// Product of the four below.
    pub score: f64,
    /// Share of valid examples.
    pub valid: f64,
    /// Likeness to the dev set.
    pub likeness: f64,
    /// How near the number of mentions is to the dev set's.
    pub density: f64,
    /// How different the examples are.
    pub variety: f64,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Searched {
    /// The prompts that were asked.
    pub prompts: Vec<Prompt>,
    /// What came back.
    pub answers: Answers,
    /// Faulty completions, and the examples that were written to try prompts.
    pub quarantined: Vec<Quarantined>,
    /// What was tried, in order.
    pub trials: Vec<Trial>,
}

impl Searched {
    /// The instructions of the highest score; of equal ones the first.
    pub fn best(&self) -> Option<&Trial> {
        ranked(&self.trials).into_iter().next()
    }
}

/// Asks for candidate instructions with the template `propose`, has each tried with the template `write` and one seed,
/// scores what comes of it, and shows the best when it asks for the next.
///
/// `seed` is the same in every trial, so that only the instructions differ. The dev set is compared with here and is not
/// shown to the model.
///
/// Errors: those of [`enumerate`]; [`PromptingError::Settings`] without a dev set, or when no round gave a candidate; what
/// `ask` returns.
pub fn search<E: From<PromptingError>>(
    [propose, write]: [&Template; 2],
    seed: &PromptSeed,
    dev: &[Example],
    settings: &GenerateSettings,
    search: &SearchSettings,
    backend: &Backend,
    ask: Ask<'_, E>,
) -> Result<Searched, E> {
    let bad = |key, problem: &str| E::from(PromptingError::Settings { key, problem: problem.to_owned() });
    if dev.is_empty() {
        return Err(bad("mode", "is `search`, which takes examples to compare with, but there are none"));
    }
    let yardstick = Yardstick::new(dev);
    let mut searched = Searched::default();
    for round in 1..=search.rounds {
        let candidates = propose_once(propose, round, &mut searched, settings, search, ask)?;
        let seeds: Vec<PromptSeed> = candidates
            .iter()
            .map(|text| PromptSeed { instructions: Some(text.clone()), count: search.examples, ..seed.clone() })
            .collect();
        // Every candidate is tried, however few requests the step's own examples take.
        let trying = GenerateSettings { limit: None, ..settings.clone() };
        let mut prompts = enumerate(write, &seeds, &trying)?;
        for (number, prompt) in prompts.iter_mut().enumerate() {
            // The best of them is asked once more for the step's own examples, under its own name.
            prompt.request = format!("trial-{round}-{}-{}", number + 1, prompt.request);
        }
        let reading = reading(settings, &prompts, &seeds);
        let gathered = wave(prompts, settings, &reading, search.repair, backend, ask)?;
        for (number, instructions) in candidates.into_iter().enumerate() {
            let prefix = format!("trial-{round}-{}-", number + 1);
            let written = gathered.parsed.examples.iter().filter(|example| example.document.starts_with(&prefix));
            let trial = Trial { round, candidate: number as u32 + 1, instructions, ..Trial::default() };
            searched.trials.push(yardstick.score(trial, &written.collect::<Vec<_>>(), search.examples));
        }
        let tried = gathered.parsed.examples.iter().map(|example| {
            let words = format!("written to try the prompt of `{}`", example.document);
            Reason::PromptTrial.row(&example.id, words, Some(&example.document), &example.text, example.sensitivity)
        });
        searched.quarantined.extend(tried);
        searched.quarantined.extend(gathered.parsed.quarantined);
        searched.prompts.extend(gathered.prompts);
        searched.answers.extend(gathered.answers);
    }
    if searched.trials.is_empty() {
        return Err(bad("mode", "is `search`, but no completion gave a prompt to try; see `search-template`"));
    }
    Ok(searched)
}

fn propose_once<E: From<PromptingError>>(
    template: &Template,
    round: u32,
    searched: &mut Searched,
    settings: &GenerateSettings,
    search: &SearchSettings,
    ask: Ask<'_, E>,
) -> Result<Vec<String>, E> {
    let mut proposing = settings.clone();
    proposing.labelling.task = Task::Propose;
    proposing.limit = None;
    let tried = ranked(&searched.trials).into_iter().take(SHOWN).cloned().collect();
    let seed = PromptSeed { count: search.candidates, tried, ..PromptSeed::default() };
    let mut prompts = enumerate(template, &[seed], &proposing)?;
    for prompt in &mut prompts {
        prompt.request = format!("{}-{round}", prompt.request);
    }
    let answers = ask(prompts.clone(), &proposing)?;
    let mut candidates = Vec::new();
    for completion in &answers.completions {
        match candidates_of(completion) {
            Ok(found) => candidates.extend(found),
            Err(reason) => searched.quarantined.push(reason.row(
                &completion.request,
                reason.meaning(),
                Some(&completion.request),
                &completion.text,
                completion.sensitivity,
            )),
        }
    }
    candidates.truncate(search.candidates as usize);
    searched.prompts.extend(prompts);
    searched.answers.extend(answers);
    Ok(candidates)
}

/// The instructions in a completion: a list of strings, or of objects that hold one.
fn candidates_of(completion: &Completion) -> Result<Vec<String>, Reason> {
    let list = match single_value(&completion.text)? {
        Value::Array(items) => items,
        Value::Object(mut map) => {
            let key = PROMPT_KEYS.into_iter().find(|key| map.contains_key(*key));
            match key.and_then(|key| map.remove(key)) {
                Some(Value::Array(items)) => items,
                _ => map.into_iter().map(|(_, value)| value).collect(),
            }
        }
        _ => Vec::new(),
    };
    let text = |item: Value| match item {
        Value::String(text) => Some(text),
        Value::Object(map) => map.into_iter().find_map(|(_, value)| value.as_str().map(str::to_owned)),
        _ => None,
    };
    let texts = list.into_iter().filter_map(text).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut seen = BTreeSet::new();
    let texts: Vec<String> = texts.filter(|text| seen.insert(text.clone())).collect();
    if texts.is_empty() { Err(Reason::NoExamples) } else { Ok(texts) }
}

/// By score, the highest first; equal ones as they were tried.
fn ranked(trials: &[Trial]) -> Vec<&Trial> {
    let mut ranked: Vec<&Trial> = trials.iter().collect();
    ranked.sort_by(|left, right| right.score.total_cmp(&left.score));
    ranked
}

type Trigrams = BTreeMap<[char; 3], f64>;

/// The dev set, as far as examples are compared with it.
struct Yardstick {
    trigrams: Trigrams,
    density: f64,
}

impl Yardstick {
    fn new(dev: &[Example]) -> Self {
        let dev: Vec<&Example> = dev.iter().collect();
        Self { trigrams: profile(&dev), density: density(&dev) }
    }

    fn score(&self, trial: Trial, written: &[&Example], asked: u32) -> Trial {
        let valid = (written.len() as f64 / f64::from(asked.max(1))).min(1.0);
        let likeness = cosine(&self.trigrams, &profile(written));
        let (low, high) = {
            let found = density(written);
            (found.min(self.density), found.max(self.density))
        };
        let density = if high == 0.0 { 1.0 } else { low / high };
        let variety = variety(written);
        Trial { score: valid * likeness * density * variety, valid, likeness, density, variety, ..trial }
    }
}

fn trigrams(text: &str) -> impl Iterator<Item = [char; 3]> {
    let letters: Vec<char> = text.to_lowercase().chars().collect();
    (2..letters.len()).map(move |last| [letters[last - 2], letters[last - 1], letters[last]])
}

fn profile(examples: &[&Example]) -> Trigrams {
    let mut counts = Trigrams::new();
    for trigram in examples.iter().flat_map(|example| trigrams(&example.text)) {
        *counts.entry(trigram).or_default() += 1.0;
    }
    counts
}

fn cosine(left: &Trigrams, right: &Trigrams) -> f64 {
    let norm = |counts: &Trigrams| counts.values().map(|count| count * count).sum::<f64>().sqrt();
    let product: f64 = left.iter().filter_map(|(trigram, count)| Some(count * right.get(trigram)?)).sum();
    if product == 0.0 { 0.0 } else { product / (norm(left) * norm(right)) }
}

/// Mentions a word.
fn density(examples: &[&Example]) -> f64 {
    let words: usize = examples.iter().map(|example| example.text.split_whitespace().count()).sum();
    let mentions: usize = examples.iter().map(|example| example.entities.len()).sum();
    mentions as f64 / words.max(1) as f64
}

fn variety(examples: &[&Example]) -> f64 {
    let sets: Vec<BTreeSet<[char; 3]>> = examples.iter().map(|example| trigrams(&example.text).collect()).collect();
    let nearest = |index: usize| {
        let others = sets.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, other)| jaccard(&sets[index], other)).fold(0.0, f64::max)
    };
    let sum: f64 = (0..sets.len()).map(nearest).sum();
    1.0 - sum / sets.len().max(1) as f64
}

fn jaccard(left: &BTreeSet<[char; 3]>, right: &BTreeSet<[char; 3]>) -> f64 {
    let shared = left.intersection(right).count() as f64;
    let all = left.len() as f64 + right.len() as f64 - shared;
    if all == 0.0 { 1.0 } else { shared / all }
}
