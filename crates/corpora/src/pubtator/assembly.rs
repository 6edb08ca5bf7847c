use std::collections::BTreeMap;

use clinsynth_contract::{CharOffsets, Entity, Example, Origin, Provenance, Quarantined, Relation, Span};

use super::{Draft, Mention};
use crate::{Corpus, ReadSettings, Warning};

/// What separates the concepts of one mention: `|` in BC5CDR, `+` and `|` in NCBI disease, `,` and `;` in exports.
const CONCEPT_SEPARATORS: [char; 4] = ['|', '+', ',', ';'];

/// Checks every annotation against its text.
pub(super) fn assemble(drafts: Vec<Draft<'_>>, settings: &ReadSettings) -> Corpus {
    let mut corpus = Corpus::default();
    let mut composites = 0;
    let mut first_of: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for draft in drafts {
        let mut assembly = Assembly::new(&draft, settings);
        assembly.check_mentions(&draft);
        assembly.check_relations(&draft);
        if let Some(&(line, index)) = first_of.get(draft.id) {
            assembly.set_aside_twin(&draft, line, &mut corpus, index);
            continue;
        }
        first_of.insert(draft.id, (draft.line, corpus.examples.len()));
        composites += draft.mentions.iter().filter(|mention| mention.parts).count();
        corpus.quarantined.append(&mut assembly.quarantined);
        corpus.warnings.append(&mut assembly.warnings);
        corpus.examples.push(assembly.example);
    }
    if composites > 0 {
        corpus.warnings.push(Warning::CompositeParts { mentions: composites });
    }
    corpus
}

/// One document under way.
struct Assembly<'s> {
    settings: &'s ReadSettings,
    example: Example,
    quarantined: Vec<Quarantined>,
    warnings: Vec<Warning>,
}

impl<'s> Assembly<'s> {
    fn new(draft: &Draft, settings: &'s ReadSettings) -> Self {
        let text = match draft.body {
            // Any one character stands for the line break between the two; offsets count it.
            Some(body) if !body.is_empty() => format!("{} {body}", draft.title),
            _ => draft.title.to_owned(),
        };
        let id = format!("{}:{}", settings.source, draft.id);
        let example = Example {
            document: id.clone(),
            id,
            text,
            provenance: Provenance { origin: Origin::Human, ..Provenance::default() },
            sensitivity: settings.sensitivity,
            ..Example::default()
        };
        Self { settings, example, quarantined: Vec::new(), warnings: Vec::new() }
    }

    fn check_mentions(&mut self, draft: &Draft) {
        let text = self.example.text.clone();
        let offsets = CharOffsets::new(&text);
        let mut entities: Vec<Entity> = Vec::new();
        for mention in &draft.mentions {
            let label = self.settings.label(mention.found);
            let entity = Entity {
                concept: mention.concept.map(str::to_owned),
                ..Entity::new(Span::new(mention.start, mention.end), label)
            };
            match check_mention(&offsets, mention) {
                Ok(_) if entities.contains(&entity) => self.set_aside("duplicate_annotation", &entity_words(mention)),
                Ok(exact) => {
                    if !exact {
                        let document = draft.id.to_owned();
                        self.warnings.push(Warning::LooseMention { document, line: mention.line });
                    }
                    entities.push(entity);
                }
                Err((reason, detail)) => self.set_aside(reason, &detail),
            }
        }
        entities.sort_by(|a, b| (a.start, a.end, &a.label, &a.concept).cmp(&(b.start, b.end, &b.label, &b.concept)));
        self.example.entities = entities;
    }

    /// Puts each relation between the first mention of its head and the first of its tail.
    fn check_relations(&mut self, draft: &Draft) {
        for relation in &draft.relations {
            let (head, tail) = (self.first_with(relation.head), self.first_with(relation.tail));
            match (head, tail) {
                (Some(head), Some(tail)) => {
                    let label = self.settings.label(relation.found).to_owned();
                    self.example.relations.push(Relation { head, tail, label });
                }
                (head, _) => {
                    let missing = if head.is_none() { relation.head } else { relation.tail };
                    let (line, found) = (relation.line, relation.found);
                    let detail = format!("line {line}: no mention has the concept `{missing}` of a `{found}` relation");
                    self.set_aside("relation_concept_not_found", &detail);
                }
            }
        }
    }

    /// Index of the first entity that holds a concept, alone or among others.
    fn first_with(&self, concept: &str) -> Option<u32> {
        let holds = |held: &str| held == concept || held.split(CONCEPT_SEPARATORS).any(|held| held == concept);
        let index = self.example.entities.iter().position(|entity| entity.concept.as_deref().is_some_and(holds));
        index.map(|index| index as u32)
    }

    fn set_aside(&mut self, reason: &str, detail: &str) {
        let row = self.row(reason, detail.to_owned());
        self.quarantined.push(row);
    }

    /// Reports a document whose identifier stood before, at line `first`, as the example at `index`.
    fn set_aside_twin(&self, draft: &Draft, first: usize, corpus: &mut Corpus, index: usize) {
        let line = draft.line;
        if corpus.examples[index] == self.example {
            corpus.warnings.push(Warning::DocumentTwice { document: draft.id.to_owned(), line });
        } else {
            let detail = format!("line {line}: differs from the document of this identifier at line {first}");
            corpus.quarantined.push(self.row("duplicate_document", detail));
        }
    }

    fn row(&self, reason: &str, detail: String) -> Quarantined {
        Quarantined {
            id: self.example.id.clone(),
            stage: "corpus".to_owned(),
            reason: reason.to_owned(),
            detail,
            request: None,
            text: self.example.text.clone(),
            sensitivity: self.settings.sensitivity,
        }
    }
}

/// Whether the mention is exactly the text under its span; `false` when it has more white space at its ends.
///
/// Errors: reason code and detail.
fn check_mention(offsets: &CharOffsets, mention: &Mention) -> Result<bool, (&'static str, String)> {
    match offsets.slice(Span::new(mention.start, mention.end)) {
        Ok(under) if under == mention.text => Ok(true),
        Ok(under) if under == mention.text.trim() => Ok(false),
        Ok(under) => Err(("text_mismatch", format!("{}, but the text there is `{under}`", entity_words(mention)))),
        Err(error) => Err(("span_outside", format!("{}: {error}", entity_words(mention)))),
    }
}

fn entity_words(mention: &Mention) -> String {
    let Mention { line, text, found, start, end, .. } = mention;
    format!("line {line}: `{text}` ({found}) at {start}..{end}")
}
