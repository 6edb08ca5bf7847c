use std::collections::BTreeMap;
use std::path::Path;

use crate::draw::Draw;
use crate::text::read_text;
use crate::{Labelling, PromptSeed, PromptingError, Task};

/// A term of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The name.
    pub text: String,
    /// What it names, in the vocabulary's own identifiers; names of one concept share it.
    pub concept: Option<String>,
}

/// How seeds are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Each draw from all terms of all labels alike.
    Uniform,
    /// Labels in turn, any term of the label.
    Stratified,
    /// Labels in turn; no concept twice before each was drawn once, and then another of its names if it has one.
    #[default]
    Coverage,
}

/// What seeds are drawn from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeedSources {
    /// Terms by label.
    pub vocabularies: BTreeMap<String, Vec<Term>>,
    /// What to write about; may be empty.
    pub topics: Vec<String>,
    /// How to write; may be empty.
    pub styles: Vec<String>,
    /// How they are drawn.
    pub sampling: Sampling,
    /// Seed of all draws.
    pub seed: u64,
    /// Examples that each request asks for.
    pub per_request: u32,
}

/// Reads a vocabulary: OBO (`*.obo`: names and exact synonyms of terms that are not obsolete, with their identifier),
/// tab-separated text (`*.tsv`: a header with `term` and perhaps `concept`), or one term a line.
///
/// Errors: [`PromptingError::File`], [`PromptingError::NotUtf8`], and [`PromptingError::Seeds`] with the line.
pub fn read_vocabulary(path: &Path) -> Result<Vec<Term>, PromptingError> {
    let text = read_text(path)?;
    let bad = |line, problem: &str| PromptingError::Seeds { path: path.to_owned(), line, problem: problem.to_owned() };
    let terms = match path.extension().and_then(|extension| extension.to_str()) {
        Some("obo") => read_obo(&text),
        Some("tsv") => read_tsv(&text).map_err(|(line, problem)| bad(line, &problem))?,
        _ => lines(&text).map(|(_, line)| Term { text: line.trim().to_owned(), concept: None }).collect(),
    };
    if terms.is_empty() { Err(bad(1, "the vocabulary holds no term")) } else { Ok(terms) }
}

/// Reads topics or styles: one a line; blank lines and lines that start with `#` are skipped.
///
/// Errors: as [`read_vocabulary`].
pub fn read_lines(path: &Path) -> Result<Vec<String>, PromptingError> {
    let text = read_text(path)?;
    let found: Vec<String> = lines(&text).map(|(_, line)| line.trim().to_owned()).collect();
    let empty =
        || PromptingError::Seeds { path: path.to_owned(), line: 1, problem: "holds no line of text".to_owned() };
    if found.is_empty() { Err(empty()) } else { Ok(found) }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // A line may begin with an empty field.
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    numbered.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

fn read_tsv(text: &str) -> Result<Vec<Term>, (usize, String)> {
    let mut rows = lines(text);
    let Some((number, header)) = rows.next() else { return Ok(Vec::new()) };
    let columns: Vec<&str> = header.split('\t').map(str::trim).collect();
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let term = place("term").ok_or_else(|| {
        (number, "the header names no column `term`; such as `term`, tab, `concept`, then a term a line".to_owned())
    })?;
    let concept = place("concept");
    rows.map(|(number, line)| {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let field = |at: usize| fields.get(at).filter(|field| !field.is_empty()).map(|field| (*field).to_owned());
        let text = field(term).ok_or_else(|| (number, "has no term".to_owned()))?;
        Ok(Term { text, concept: concept.and_then(field) })
    })
    .collect()
}

/// The `[Term]` stanzas of an OBO file (The OBO Flat File Format, version 1.4).
fn read_obo(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    for stanza in text.split("\n[").skip(1).filter(|stanza| stanza.starts_with("Term]")) {
        let tags = || stanza.lines().filter_map(|line| line.split_once(':')).map(|(tag, value)| (tag, value.trim()));
        if tags().any(|(tag, value)| tag == "is_obsolete" && value.starts_with("true")) {
            continue;
        }
        let concept = tags().find(|(tag, _)| *tag == "id").map(|(_, value)| bare(value).to_owned());
        let names = tags().filter_map(|(tag, value)| match tag {
            "name" => Some(bare(value).to_owned()),
            "synonym" => exact_synonym(value),
            _ => None,
        });
        terms.extend(names.map(|text| Term { text, concept: concept.clone() }));
    }
    terms
}

/// A value without its trailing comment.
fn bare(value: &str) -> &str {
    value.split_once(" !").map_or(value, |(value, _)| value).trim()
}

fn exact_synonym(value: &str) -> Option<String> {
    let (text, rest) = value.strip_prefix('"')?.split_once("\" ")?;
    rest.trim_start().starts_with("EXACT").then(|| text.replace("\\\"", "\""))
}

/// Draws the seeds of `requests` requests. For relations each holds a head of the first label, a tail of the last, and
/// the relations in turn.
///
/// Errors: [`PromptingError::Settings`] where the labels of a relation have no vocabulary though others have.
pub fn draw_seeds(
    sources: &SeedSources,
    labelling: &Labelling,
    requests: usize,
) -> Result<Vec<PromptSeed>, PromptingError> {
    let mut topics = Deck::new(sources.topics.iter().collect(), sources, 1);
    let mut styles = Deck::new(sources.styles.iter().collect(), sources, 2);
    let mut mentions = Mentions::new(sources, labelling)?;
    let draw = |index: usize| {
        let mut seed = PromptSeed { count: sources.per_request, ..PromptSeed::default() };
        seed.topic = topics.next().cloned();
        seed.style = styles.next().cloned();
        mentions.fill(&mut seed, index);
        seed
    };
    Ok((0..requests).map(draw).collect())
}

/// Items drawn one after the other.
struct Deck<'s, T> {
    items: Vec<&'s T>,
    /// Items still to come before all come again.
    rest: Vec<&'s T>,
    draw: Draw,
    repeats: bool,
}

impl<'s, T> Deck<'s, T> {
    fn new(items: Vec<&'s T>, sources: &SeedSources, number: u64) -> Self {
        let repeats = sources.sampling != Sampling::Coverage;
        Self { items, rest: Vec::new(), draw: Draw::new(sources.seed, number), repeats }
    }

    fn next(&mut self) -> Option<&'s T> {
        if self.items.is_empty() {
            return None;
        }
        if self.repeats {
            return Some(self.items[self.draw.below(self.items.len())]);
        }
        if self.rest.is_empty() {
            self.rest.clone_from(&self.items);
            self.draw.shuffle(&mut self.rest);
        }
        self.rest.pop()
    }
}

/// The names of one concept, each in its turn.
struct Concept<'s> {
    names: Vec<&'s Term>,
}

struct Pool<'s> {
    label: &'s str,
    concepts: Vec<Concept<'s>>,
    order: Vec<usize>,
    /// How often all concepts were gone through.
    round: usize,
    next: usize,
    terms: Vec<&'s Term>,
    draw: Draw,
    sampling: Sampling,
}

impl<'s> Pool<'s> {
    fn new(label: &'s str, terms: &'s [Term], sources: &SeedSources, number: u64) -> Self {
        let mut by_concept: BTreeMap<&str, Vec<&Term>> = BTreeMap::new();
        for term in terms {
            by_concept.entry(term.concept.as_deref().unwrap_or(&term.text)).or_default().push(term);
        }
        let concepts: Vec<Concept<'_>> = by_concept.into_values().map(|names| Concept { names }).collect();
        let mut draw = Draw::new(sources.seed, number);
        let mut order: Vec<usize> = (0..concepts.len()).collect();
        draw.shuffle(&mut order);
        let terms = terms.iter().collect();
        Self { label, concepts, order, round: 0, next: 0, terms, draw, sampling: sources.sampling }
    }

    fn next(&mut self) -> &'s Term {
        if self.sampling != Sampling::Coverage {
            return self.terms[self.draw.below(self.terms.len())];
        }
        if self.next == self.order.len() {
            self.next = 0;
            self.round += 1;
            self.draw.shuffle(&mut self.order);
        }
        let names = &self.concepts[self.order[self.next]].names;
        self.next += 1;
        names[self.round % names.len()]
    }
}

struct Mentions<'s> {
    pools: Vec<Pool<'s>>,
    uniform: Option<Draw>,
    /// Indices of the pools of heads and tails.
    pair: Option<(usize, usize)>,
    relations: Vec<&'s str>,
}

impl<'s> Mentions<'s> {
    fn new(sources: &'s SeedSources, labelling: &'s Labelling) -> Result<Self, PromptingError> {
        let pool = |(number, label): (usize, &'s str)| {
            let terms = sources.vocabularies.get(label).filter(|terms| !terms.is_empty())?;
            Some(Pool::new(label, terms, sources, 16 + number as u64))
        };
        let names = labelling.labels.iter().map(|label| label.name.as_str());
        let pools: Vec<Pool<'_>> = match labelling.task {
            // Head and tail may be of one label, and then each has its own order.
            Task::Re => {
                let ends = [labelling.labels.first(), labelling.labels.last()];
                ends.into_iter().flatten().map(|label| label.name.as_str()).enumerate().filter_map(pool).collect()
            }
            _ => names.enumerate().filter_map(pool).collect(),
        };
        let pair = match (labelling.task, pools.len()) {
            (Task::Re, 1) => {
                let problem =
                    "name one label of the pair: both the first and the last label need a vocabulary".to_owned();
                return Err(PromptingError::Settings { key: "vocabularies", problem });
            }
            (Task::Re, 2) => Some((0, 1)),
            _ => None,
        };
        let uniform = (sources.sampling == Sampling::Uniform).then(|| Draw::new(sources.seed, 3));
        Ok(Self { pools, uniform, pair, relations: labelling.relations.iter().map(|label| &*label.name).collect() })
    }

    fn fill(&mut self, seed: &mut PromptSeed, index: usize) {
        if let Some((head, tail)) = self.pair {
            let (head, tail) = (self.pools[head].next(), self.pools[tail].next());
            (seed.head, seed.tail) = (Some(head.text.clone()), Some(tail.text.clone()));
            (seed.head_concept, seed.tail_concept) = (head.concept.clone(), tail.concept.clone());
            seed.relation = self.relations.get(index % self.relations.len().max(1)).map(|name| (*name).to_owned());
            return;
        }
        if self.pools.is_empty() {
            return;
        }
        let sizes: usize = self.pools.iter().map(|pool| pool.terms.len()).sum();
        let chosen = match &mut self.uniform {
            None => index % self.pools.len(),
            Some(draw) => {
                let mut at = draw.below(sizes);
                let holds = |pool: &Pool<'_>| {
                    let holds = at < pool.terms.len();
                    at = at.saturating_sub(pool.terms.len());
                    holds
                };
                self.pools.iter().position(holds).unwrap_or_default()
            }
        };
        let pool = &mut self.pools[chosen];
        let term = pool.next();
        seed.mention = Some(term.text.clone());
        seed.label = Some(pool.label.to_owned());
        seed.concept.clone_from(&term.concept);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::Label;

    fn read(name: &str, text: &str) -> Result<Vec<(String, Option<String>)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let terms = read_vocabulary(&path).map_err(|error| error.to_string().rsplit_once("` ").unwrap().1.to_owned());
        Ok(terms?.into_iter().map(|term| (term.text, term.concept)).collect())
    }

    #[test]
    fn reads_obo_tsv_and_lists() {
        let check = |name: &str, text: &str, expected: &[(&str, Option<&str>)]| {
            let expected: Vec<_> =
                expected.iter().map(|(text, concept)| ((*text).to_owned(), concept.map(str::to_owned))).collect();
            assert_eq!(read(name, text), Ok(expected), "{name}");
        };
        let obo = "format-version: 1.4\n\n[Term]\nid: D:1 ! gout\nname: gout\nsynonym: \"podagra\" EXACT []\nsynonym: \
                   \"arthritis\" BROAD []\n\n[Term]\nid: D:2\nname: old\nis_obsolete: true\n\n[Typedef]\nid: part_of\nname: part of\n";
        check("d.obo", obo, &[("gout", Some("D:1")), ("podagra", Some("D:1"))]);
        check("d.tsv", "concept\tterm\nD:1\tgout\n\tflu\n", &[("gout", Some("D:1")), ("flu", None)]);
        check("d.txt", "# diseases\ngout\n\nflu\n", &[("gout", None), ("flu", None)]);
        assert_eq!(
            read("d.tsv", "name\ngout\n").unwrap_err().split_once(": ").map(|(_, words)| words),
            Some("the header names no column `term`; such as `term`, tab, `concept`, then a term a line")
        );
        assert_eq!(
            read("d.txt", "# none\n").unwrap_err().rsplit_once(": ").map(|(_, words)| words),
            Some("the vocabulary holds no term")
        );
    }

    fn terms(of: &[(&str, &str)]) -> Vec<Term> {
        of.iter().map(|(text, concept)| Term { text: (*text).into(), concept: Some((*concept).into()) }).collect()
    }

    fn sources(sampling: Sampling) -> SeedSources {
        let diseases = terms(&[("gout", "1"), ("podagra", "1"), ("flu", "2"), ("ague", "3")]);
        SeedSources {
            vocabularies: [("Disease".to_owned(), diseases), ("Chemical".to_owned(), terms(&[("aspirin", "c")]))]
                .into(),
            styles: vec!["note".into(), "abstract".into()],
            sampling,
            seed: 7,
            per_request: 5,
            ..SeedSources::default()
        }
    }

    fn labelling(task: Task) -> Labelling {
        let labels = ["Disease", "Chemical"].map(|name| Label::new(name, "")).into();
        let relations =
            if task == Task::Re { ["yes", "no"].map(|name| Label::new(name, "")).into() } else { Vec::new() };
        Labelling { task, labels, relations }
    }

    #[test]
    fn coverage_draws_every_concept_before_any_again_and_labels_in_turn() {
        let seeds = draw_seeds(&sources(Sampling::Coverage), &labelling(Task::Ner), 12).unwrap();
        assert!(seeds.iter().all(|seed| seed.count == 5 && seed.style.is_some() && seed.topic.is_none()));
        let labels: Vec<&str> = seeds.iter().map(|seed| seed.label.as_deref().unwrap()).collect();
        assert_eq!(labels[..4], ["Disease", "Chemical", "Disease", "Chemical"]);
        let diseases: Vec<_> = seeds.iter().filter(|seed| seed.label.as_deref() == Some("Disease")).collect();
        let concepts = |range: std::ops::Range<usize>| {
            let mut found: Vec<&str> = diseases[range].iter().map(|seed| seed.concept.as_deref().unwrap()).collect();
            found.sort_unstable();
            found.join("")
        };
        assert_eq!((concepts(0..3), concepts(3..6)), ("123".to_owned(), "123".to_owned()));
        let gout: Vec<_> = diseases.iter().filter(|seed| seed.concept.as_deref() == Some("1")).collect();
        assert_eq!(gout[0].mention.as_deref(), Some("gout"));
        assert_eq!(gout[1].mention.as_deref(), Some("podagra"));
        assert_eq!(seeds, draw_seeds(&sources(Sampling::Coverage), &labelling(Task::Ner), 12).unwrap());
    }

    #[test]
    fn uniform_draws_by_term_and_stratified_by_label() {
        let share = |sampling| {
            let seeds = draw_seeds(&sources(sampling), &labelling(Task::Ner), 500).unwrap();
            seeds.iter().filter(|seed| seed.label.as_deref() == Some("Chemical")).count()
        };
        assert_eq!(share(Sampling::Stratified), 250);
        assert!((70..130).contains(&share(Sampling::Uniform)), "one term in five: {}", share(Sampling::Uniform));
    }

    #[test]
    fn pairs_hold_head_tail_and_relations_in_turn() {
        let seeds = draw_seeds(&sources(Sampling::Coverage), &labelling(Task::Re), 4).unwrap();
        assert!(seeds.iter().all(|seed| seed.tail.as_deref() == Some("aspirin") && seed.mention.is_none()));
        let relations: Vec<_> = seeds.iter().map(|seed| seed.relation.as_deref().unwrap()).collect();
        assert_eq!(relations, ["yes", "no", "yes", "no"]);
        let mut half = sources(Sampling::Coverage);
        half.vocabularies.remove("Chemical");
        assert!(draw_seeds(&half, &labelling(Task::Re), 1).is_err());
    }
}
