//! Labels of given texts by vote: extraction, second annotation, verification.

use std::collections::BTreeMap;

use clinsynth_contract::{
    CharOffsets, Entity, Example, Origin, Prediction, Prompt, Provenance, Quarantined, Relation, ScoredRelation,
    ScoredSpan, Span,
};

use crate::gather::{Ask, reading, wave};
use crate::{
    Answers, Backend, GenerateSettings, PromptSeed, PromptingError, Reason, Task, Template, Warning, enumerate,
};

/// How many of the votes that were cast a label needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// More than half.
    #[default]
    Majority,
    /// All: the intersection.
    Unanimous,
}

/// How given texts are labelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voting {
    /// Completions for each text, at least 1.
    pub votes: u32,
    /// What a label needs.
    pub agreement: Agreement,
    /// Whether the labels that a text has are one vote more.
    pub own_vote: bool,
    /// Whether a completion with faults goes back to the model once.
    pub repair: bool,
}

/// Given texts with the labels that were voted for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Voted {
    /// The prompts that were asked, repairs behind the others.
    pub prompts: Vec<Prompt>,
    /// What came back.
    pub answers: Answers,
    /// The texts in order, under their own identifiers; those that got no vote are set aside.
    pub examples: Vec<Example>,
    /// A row for each text: its mentions, or with relations in the label set its pairs, scored by their share of the votes;
    /// empty without a vote.
    pub predictions: Vec<Prediction>,
    /// Faulty completions, and labels that were voted down.
    pub quarantined: Vec<Quarantined>,
    /// Doubts about completions that were counted.
    pub warnings: Vec<Warning>,
}

/// Has a model label texts ([`Task::Extract`]) or confirm the labels that they have ([`Task::Verify`]), several times each,
/// and keeps what enough of the readable completions agree on. Texts with nothing to ask for pass as they are.
///
/// With relations in the label set the pairs of each text are judged, else its mentions.
///
/// Errors: those of [`enumerate`] and [`parse`](crate::parse); what `ask` returns.
pub fn annotate<E: From<PromptingError>>(
    template: &Template,
    texts: &[Example],
    settings: &GenerateSettings,
    voting: Voting,
    backend: &Backend,
    ask: Ask<'_, E>,
) -> Result<Voted, E> {
    let count = Count { task: settings.labelling.task, pairs: !settings.labelling.relations.is_empty(), voting };
    let asked: Vec<usize> = (0..texts.len()).filter(|&index| count.asks(&texts[index])).collect();
    let votes = voting.votes.max(1) as usize;
    let seeds: Vec<PromptSeed> =
        asked.iter().flat_map(|&index| std::iter::repeat_n(seed(&texts[index]), votes)).collect();
    let prompts = enumerate(template, &seeds, settings)?;
    let text_of: BTreeMap<String, usize> =
        prompts.iter().enumerate().map(|(number, prompt)| (prompt.request.clone(), asked[number / votes])).collect();
    let reading = reading(settings, &prompts, &seeds);
    let gathered = wave(prompts, settings, &reading, voting.repair, backend, ask)?;
    let mut ballots: Vec<Vec<&Example>> = texts.iter().map(|_| Vec::new()).collect();
    for ballot in &gathered.parsed.examples {
        if let Some(&index) = text_of.get(&ballot.document) {
            ballots[index].push(ballot);
        }
    }
    let mut voted =
        Voted { quarantined: gathered.parsed.quarantined, warnings: gathered.parsed.warnings, ..Voted::default() };
    for (text, ballots) in texts.iter().zip(&ballots) {
        count.settle(text, ballots, &mut voted);
    }
    Ok(Voted { prompts: gathered.prompts, answers: gathered.answers, ..voted })
}

fn seed(text: &Example) -> PromptSeed {
    PromptSeed {
        // What a recorded answer about a text of no topic is found by.
        topic: text.provenance.topic.clone().or_else(|| Some(text.document.clone())),
        style: text.provenance.style.clone(),
        count: 1,
        given: Some(text.clone()),
        ..PromptSeed::default()
    }
}

/// What is counted, and how.
struct Count {
    task: Task,
    pairs: bool,
    voting: Voting,
}

/// Votes for one thing, by what it is.
type Tally<K> = BTreeMap<K, usize>;

impl Count {
    /// Whether there is anything to ask about a text.
    fn asks(&self, text: &Example) -> bool {
        let something = match (self.pairs, self.task) {
            (true, _) => !text.relations.is_empty(),
            (false, Task::Verify) => !text.entities.is_empty(),
            (false, _) => true,
        };
        something && !text.text.trim().is_empty()
    }

    fn settle(&self, text: &Example, ballots: &[&Example], voted: &mut Voted) {
        let asked = self.asks(text);
        if asked && ballots.is_empty() {
            let words = "no completion about the text could be read";
            voted.quarantined.push(row(Reason::NoVote, text, words.to_owned()));
            voted.predictions.push(prediction(text, Vec::new(), Vec::new(), ballots));
            return;
        }
        let own = asked.then_some(text).filter(|_| self.voting.own_vote);
        let cast: Vec<&Example> = if asked { ballots.iter().copied().chain(own).collect() } else { vec![text] };
        let mut labelled = Example { provenance: self.provenance(text, ballots), ..text.clone() };
        if self.pairs {
            let pairs = self.elect_relations(text, &cast, voted);
            let kept = |pair: &ScoredRelation| Relation { head: pair.head, tail: pair.tail, label: pair.label.clone() };
            labelled.relations = pairs.iter().map(kept).collect();
            // Only the pairs of the mentions that the text came with were judged.
            let given = text.entities.iter().map(ScoredSpan::from).collect();
            voted.predictions.push(prediction(text, given, pairs, ballots));
            if asked && labelled.relations.is_empty() {
                return;
            }
        } else {
            let spans = self.elect_entities(text, &cast, voted);
            keep_entities(&mut labelled, &spans);
            voted.predictions.push(prediction(text, spans, Vec::new(), ballots));
        }
        voted.examples.push(labelled);
    }

    fn elect_entities(&self, text: &Example, cast: &[&Example], voted: &mut Voted) -> Vec<ScoredSpan> {
        let mut tally: Tally<(u32, u32, &str)> = Tally::new();
        for entity in cast.iter().flat_map(|ballot| &ballot.entities) {
            *tally.entry((entity.start, entity.end, &entity.label)).or_default() += 1;
        }
        if self.task == Task::Verify {
            // What nobody confirmed was proposed all the same.
            for entity in &text.entities {
                tally.entry((entity.start, entity.end, &entity.label)).or_default();
            }
        }
        let offsets = CharOffsets::new(&text.text);
        let mut spans = Vec::new();
        for ((start, end, label), votes) in tally {
            if self.wins(votes, cast.len()) {
                let score = votes as f32 / cast.len() as f32;
                spans.push(ScoredSpan { start, end, label: label.to_owned(), score });
            } else {
                let mention = offsets.slice(Span::new(start, end)).unwrap_or_default();
                voted.quarantined.push(outvoted(text, &format!("mention `{mention}` ({label})"), votes, cast.len()));
            }
        }
        spans
    }

    fn elect_relations(&self, text: &Example, cast: &[&Example], voted: &mut Voted) -> Vec<ScoredRelation> {
        let mut tally: Tally<(u32, u32, &str)> = Tally::new();
        let own = text.relations.iter().filter(|_| self.task == Task::Verify);
        for relation in own {
            tally.entry((relation.head, relation.tail, &relation.label)).or_default();
        }
        for relation in cast.iter().flat_map(|ballot| &ballot.relations) {
            *tally.entry((relation.head, relation.tail, &relation.label)).or_default() += 1;
        }
        let mut kept = Vec::new();
        for ((head, tail, label), votes) in tally {
            if self.wins(votes, cast.len()) {
                let score = votes as f32 / cast.len() as f32;
                kept.push(ScoredRelation { head, tail, label: label.to_owned(), score });
            } else {
                voted.quarantined.push(outvoted(text, &format!("relation `{label}`"), votes, cast.len()));
            }
        }
        kept
    }

    const fn wins(&self, votes: usize, cast: usize) -> bool {
        match self.voting.agreement {
            Agreement::Majority => 2 * votes > cast,
            Agreement::Unanimous => votes == cast,
        }
    }

    /// A verified text stays whose it was; a labelled one is the model's.
    fn provenance(&self, text: &Example, ballots: &[&Example]) -> Provenance {
        let own = text.provenance.clone();
        match ballots.first().filter(|_| self.task == Task::Extract) {
            None => own,
            Some(ballot) => Provenance {
                origin: Origin::Llm,
                model: ballot.provenance.model.clone(),
                prompt: ballot.provenance.prompt.clone(),
                request: ballot.provenance.request.clone(),
                ..own
            },
        }
    }
}

fn prediction(
    text: &Example,
    spans: Vec<ScoredSpan>,
    relations: Vec<ScoredRelation>,
    ballots: &[&Example],
) -> Prediction {
    Prediction {
        example: text.id.clone(),
        document: text.document.clone(),
        spans,
        relations,
        model: ballots.first().and_then(|ballot| ballot.provenance.model.clone()).unwrap_or_default(),
        sensitivity: text.sensitivity,
    }
}

/// Puts the elected mentions in place of a text's own; concepts of equal ones stay, and so do relations between those kept.
fn keep_entities(labelled: &mut Example, spans: &[ScoredSpan]) {
    let own = std::mem::take(&mut labelled.entities);
    let same = |entity: &Entity, span: &ScoredSpan| entity.span() == span.span() && entity.label == span.label;
    labelled.entities = spans
        .iter()
        .map(|span| {
            let concept = own.iter().find(|entity| same(entity, span)).and_then(|entity| entity.concept.clone());
            Entity { concept, ..Entity::new(span.span(), &span.label) }
        })
        .collect();
    let place = |index: u32| {
        let entity = own.get(index as usize)?;
        spans.iter().position(|span| same(entity, span)).map(|place| place as u32)
    };
    labelled.relations.retain_mut(|relation| match (place(relation.head), place(relation.tail)) {
        (Some(head), Some(tail)) => {
            (relation.head, relation.tail) = (head, tail);
            true
        }
        _ => false,
    });
}

fn outvoted(text: &Example, what: &str, votes: usize, cast: usize) -> Quarantined {
    row(Reason::Outvoted, text, format!("{what} got {votes} of {cast} votes"))
}

fn row(reason: Reason, text: &Example, detail: String) -> Quarantined {
    reason.row(&text.id, detail, None, &text.text, text.sensitivity)
}
