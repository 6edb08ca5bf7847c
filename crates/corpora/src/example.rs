use clinsynth_contract::{CharOffsets, Entity, Example, Origin, Provenance, Quarantined, Relation, Span};

use crate::text::{AnnotatedText, Argument, Link, Mention, Reason, SetAside, holds};
use crate::{Discontinuous, ReadSettings};

/// A text as an example, and what did not fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// The text with its sound annotations.
    pub example: Example,
    /// What was set aside, each with its reason.
    pub quarantined: Vec<Quarantined>,
    /// Lines of mentions with white space at their ends that the text under their span lacks; their offsets were kept.
    pub loose: Vec<usize>,
    /// Mentions whose spelled-out parts have no place in an example.
    pub composite: usize,
    /// Mentions in several pieces, whatever became of them.
    pub discontinuous: usize,
}

/// Checks every annotation against the text and makes an example of it.
///
/// Mentions are sorted by start, nested and overlapping ones included. A relation between concepts stands between the
/// first mention of each.
pub fn to_example(mut text: AnnotatedText, settings: &ReadSettings) -> Imported {
    let set_aside = std::mem::take(&mut text.set_aside);
    let mut assembly = Assembly { settings, set_aside, imported: Imported::default() };
    let offsets = CharOffsets::new(&text.text);
    let entities = assembly.check_mentions(&text, &offsets);
    let relations = assembly.check_relations(&text, &entities);
    assembly.finish(text, entities, relations)
}

/// An entity and the index of the mention it comes from.
type Found = (Entity, usize);

/// One text under way.
struct Assembly<'s> {
    settings: &'s ReadSettings,
    set_aside: Vec<SetAside>,
    imported: Imported,
}

impl Assembly<'_> {
    fn check_mentions(&mut self, text: &AnnotatedText, offsets: &CharOffsets) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::with_capacity(text.mentions.len());
        for (index, mention) in text.mentions.iter().enumerate() {
            self.imported.composite += usize::from(mention.parts.is_some());
            match check_mention(offsets, mention) {
                Ok(exact) => {
                    if !exact {
                        self.imported.loose.push(mention.line);
                    }
                    self.push_entities(&mut found, mention, index);
                }
                Err((reason, detail)) => self.note(reason, detail),
            }
        }
        found.sort_by(|(a, _), (b, _)| {
            (a.start, a.end, &a.label, &a.concept).cmp(&(b.start, b.end, &b.label, &b.concept))
        });
        found
    }

    fn push_entities(&mut self, found: &mut Vec<Found>, mention: &Mention, index: usize) {
        let concept = mention.concept().map(str::to_owned);
        let label = self.settings.label(&mention.label);
        let mut push = |span: Span| {
            let entity = Entity { concept: concept.clone(), ..Entity::new(span, label) };
            let twice = found.iter().any(|(known, _)| *known == entity);
            if !twice {
                found.push((entity, index));
            }
            twice
        };
        if mention.fragments.len() < 2 {
            if push(mention.cover()) {
                self.note(Reason::DuplicateAnnotation, words(mention));
            }
            return;
        }
        self.imported.discontinuous += 1;
        match self.settings.discontinuous {
            Discontinuous::Cover => {
                push(mention.cover());
            }
            Discontinuous::Split => mention.fragments.iter().for_each(|&fragment| {
                push(fragment);
            }),
            Discontinuous::LeaveOut => self.note(Reason::DiscontinuousMention, words(mention)),
        }
    }

    fn check_relations(&mut self, text: &AnnotatedText, entities: &[Found]) -> Vec<Relation> {
        let mut relations = Vec::with_capacity(text.links.len());
        for link in &text.links {
            let ends = (place(&link.head, text, entities), place(&link.tail, text, entities));
            if let (Some(head), Some(tail)) = ends {
                relations.push(Relation { head, tail, label: self.settings.label(&link.label).to_owned() });
                continue;
            }
            let (line, label) = (link.line, &link.label);
            let missing = if ends.0.is_none() { &link.head } else { &link.tail };
            match missing {
                Argument::Concept(concept) => self.note(
                    Reason::RelationConceptNotFound,
                    format!("line {line}: no mention has the concept `{concept}` of a `{label}` relation"),
                ),
                Argument::Mention(index) => {
                    let mention = text.mentions.get(*index).map_or_else(String::new, words);
                    let detail =
                        format!("line {line}: a `{label}` relation needs a mention that was set aside: {mention}");
                    self.note(Reason::RelationMentionNotFound, detail);
                }
            }
        }
        relations
    }

    fn note(&mut self, reason: Reason, detail: String) {
        self.set_aside.push(SetAside { reason, detail });
    }

    fn finish(self, text: AnnotatedText, entities: Vec<Found>, relations: Vec<Relation>) -> Imported {
        let Self { settings, set_aside, mut imported } = self;
        let id = format!("{}:{}", settings.source, text.id);
        let row = |SetAside { reason, detail }: SetAside| quarantined(settings, &id, &text.text, reason, detail);
        imported.quarantined = set_aside.into_iter().map(row).collect();
        imported.example = Example {
            document: text.document.map_or_else(|| id.clone(), |document| format!("{}:{document}", settings.source)),
            id,
            text: text.text,
            entities: entities.into_iter().map(|(entity, _)| entity).collect(),
            relations,
            provenance: Provenance { origin: Origin::Human, ..Provenance::default() },
            sensitivity: settings.sensitivity,
            ..Example::default()
        };
        imported
    }
}

pub(crate) fn quarantined(
    settings: &ReadSettings,
    id: &str,
    text: &str,
    reason: Reason,
    detail: String,
) -> Quarantined {
    Quarantined {
        id: id.to_owned(),
        stage: "corpus".to_owned(),
        reason: reason.code().to_owned(),
        detail,
        request: None,
        text: text.to_owned(),
        sensitivity: settings.sensitivity,
    }
}

/// Index of the entity that an argument means.
fn place(argument: &Argument, text: &AnnotatedText, entities: &[Found]) -> Option<u32> {
    let index = match argument {
        Argument::Concept(concept) => {
            entities.iter().position(|(entity, _)| entity.concept.as_deref().is_some_and(|held| holds(held, concept)))
        }
        Argument::Mention(index) => {
            let own = entities.iter().position(|(_, from)| from == index);
            // A mention that stands twice was kept once, under the first's index.
            own.or_else(|| {
                let mention = text.mentions.get(*index)?;
                let twin = |(_, from): &Found| {
                    let other = &text.mentions[*from];
                    other.fragments == mention.fragments && other.label == mention.label
                };
                entities.iter().position(twin)
            })
        }
    };
    index.map(|index| index as u32)
}

/// Whether the mention is exactly the text under its spans; `false` when it has more white space at its ends.
///
/// Errors: reason and detail.
fn check_mention(offsets: &CharOffsets, mention: &Mention) -> Result<bool, (Reason, String)> {
    let mut pieces = Vec::with_capacity(1);
    for &fragment in &mention.fragments {
        let outside = |error| (Reason::SpanOutside, format!("{}: {error}", words(mention)));
        pieces.push(offsets.slice(fragment).map_err(outside)?);
    }
    let Some(stated) = mention.stated.as_deref() else { return Ok(true) };
    if let [under] = pieces[..] {
        if under == stated {
            return Ok(true);
        }
        if under == stated.trim() {
            return Ok(false);
        }
    }
    let under = pieces.join(" ");
    if same_words(&under, stated) {
        return Ok(true);
    }
    Err((Reason::TextMismatch, format!("{}, but the text there is `{under}`", words(mention))))
}

/// Whether two differ in white space alone: a mention over a line break is stated with a space.
fn same_words(under: &str, stated: &str) -> bool {
    under.contains(['\n', '\r', '\t']) && under.split_whitespace().eq(stated.split_whitespace())
        || under.split(' ').eq(stated.split(' '))
}

fn words(mention: &Mention) -> String {
    let Mention { line, label, .. } = mention;
    let stated = mention.stated.as_deref().unwrap_or("?");
    let spans: Vec<String> = mention.fragments.iter().map(|span| format!("{}..{}", span.start, span.end)).collect();
    format!("line {line}: `{stated}` ({label}) at {}", spans.join(" and "))
}

/// An example as a text to write. `source` is left out of the identifiers, where they begin with it and a colon.
pub fn from_example(example: &Example, source: Option<&str>) -> AnnotatedText {
    let bare = |id: &str| {
        let rest = source.and_then(|source| id.strip_prefix(source)?.strip_prefix(':'));
        rest.unwrap_or(id).to_owned()
    };
    let mention =
        |entity: &Entity| Mention { concept: entity.concept.clone(), ..Mention::new(entity.span(), &entity.label) };
    let link = |relation: &Relation| Link::between(relation.head as usize, relation.tail as usize, &relation.label);
    AnnotatedText {
        id: bare(&example.id),
        document: (example.document != example.id).then(|| bare(&example.document)),
        text: example.text.clone(),
        mentions: example.entities.iter().map(mention).collect(),
        links: example.relations.iter().map(link).collect(),
        ..AnnotatedText::default()
    }
}
