use clinsynth_contract::{Span, reasons};

/// One text of a corpus with what is annotated on it, as its file has it: the common form between all readers and
/// writers. Offsets are characters (Unicode scalar values) of [`AnnotatedText::text`], and are not yet checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnnotatedText {
    /// Identifier in the corpus.
    pub id: String,
    /// The document it is part of, where it is not one by itself.
    pub document: Option<String>,
    /// The text.
    pub text: String,
    /// Its sections, in order and one character apart; none when it has no parts.
    pub passages: Vec<Passage>,
    /// Its tokens, in order, where the format has some.
    pub tokens: Vec<Span>,
    /// The mentions, in the order of the file.
    pub mentions: Vec<Mention>,
    /// The relations, in the order of the file.
    pub links: Vec<Link>,
    /// What the reader could not keep.
    pub set_aside: Vec<SetAside>,
    /// Line at which it begins, from 1.
    pub line: usize,
}

/// A section of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passage {
    /// Such as `title` or `abstract`.
    pub kind: String,
    /// Its characters; empty for an empty section.
    pub span: Span,
    /// Further properties of it, in order.
    pub properties: Vec<(String, String)>,
}

/// A mention as annotated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mention {
    /// Identifier in the text.
    pub id: Option<String>,
    /// Where it stands: one span, or several for a discontinuous mention, in order.
    pub fragments: Vec<Span>,
    /// What the file says stands there.
    pub stated: Option<String>,
    /// Type in the file's own words.
    pub label: String,
    /// Concept in the file's own words.
    pub concept: Option<String>,
    /// The parts of a composite mention, spelled out.
    pub parts: Option<String>,
    /// Further properties, in order.
    pub properties: Vec<(String, String)>,
    /// Line of the annotation, from 1.
    pub line: usize,
}

/// A relation as annotated.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Identifier in the text.
    pub id: Option<String>,
    /// Type in the file's own words.
    pub label: String,
    /// First argument.
    pub head: Argument,
    /// Second argument.
    pub tail: Argument,
    /// Further properties, in order.
    pub properties: Vec<(String, String)>,
    /// Line of the annotation, from 1.
    pub line: usize,
}

/// What a relation holds between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The mention at an index.
    Mention(usize),
    /// A concept, wherever it is mentioned.
    Concept(String),
}

/// An annotation or text that cannot be kept, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The reason.
    pub reason: Reason,
    /// The reason in words, with line and values.
    pub detail: String,
}

reasons! {
    /// Why something of a corpus is set aside.
    pub enum Reason {
        /// A mention lies outside its text.
        SpanOutside = "span_outside",
        /// The text under a mention is not what the file says it is.
        TextMismatch = "text_mismatch",
        /// The same annotation stands twice.
        DuplicateAnnotation = "duplicate_annotation",
        /// A relation names a concept that no mention has.
        RelationConceptNotFound = "relation_concept_not_found",
        /// A relation names a mention that is not there.
        RelationMentionNotFound = "relation_mention_not_found",
        /// A labelled sentence holds no masked pair.
        MaskNotFound = "mask_not_found",
        /// A mention in several pieces, which settings leave out.
        DiscontinuousMention = "discontinuous_mention",
        /// The annotator rejected or skipped the text.
        NotAccepted = "not_accepted",
        /// An annotation that is neither mention nor relation, such as an event.
        OtherAnnotation = "other_annotation",
        /// A second document of an identifier, with another content.
        DuplicateDocument = "duplicate_document",
    }
}

/// What separates the concepts of one mention: `|` in BC5CDR, `+` and `|` in NCBI disease, `,` and `;` in exports.
const CONCEPT_SEPARATORS: [char; 4] = ['|', '+', ',', ';'];

/// Properties that hold a concept in BioC files.
const VOCABULARIES: [&str; 6] = ["Identifier", "MESH", "OMIM", "NCBI GENE", "NCBI Gene", "CHEBI"];

/// Whether a mention's concept is `concept`, alone or among others.
pub(crate) fn holds(held: &str, concept: &str) -> bool {
    held == concept || concepts(held).any(|held| held == concept)
}

/// The concepts that a mention's concept names.
pub(crate) fn concepts(held: &str) -> impl Iterator<Item = &str> {
    held.split(CONCEPT_SEPARATORS)
}

impl Mention {
    /// A mention in one piece.
    pub fn new(span: Span, label: impl Into<String>) -> Self {
        Self { fragments: vec![span], label: label.into(), ..Self::default() }
    }

    /// From its first to its last character, gaps included.
    pub fn cover(&self) -> Span {
        let start = self.fragments.iter().map(|fragment| fragment.start).min().unwrap_or_default();
        let end = self.fragments.iter().map(|fragment| fragment.end).max().unwrap_or_default();
        Span::new(start, end)
    }

    /// Its concept, unless the file says that it has none: BC5CDR writes `-1`, PubTator's exports `-`. Some BioC files
    /// name the vocabulary instead of saying `identifier`.
    pub fn concept(&self) -> Option<&str> {
        let named = || VOCABULARIES.iter().find_map(|name| self.property(name));
        self.concept.as_deref().or_else(named).filter(|concept| !matches!(*concept, "" | "-" | "-1"))
    }

    /// The value of a property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Link {
    /// A relation between two mentions, by index.
    pub fn between(head: usize, tail: usize, label: impl Into<String>) -> Self {
        Self {
            id: None,
            label: label.into(),
            head: Argument::Mention(head),
            tail: Argument::Mention(tail),
            properties: Vec::new(),
            line: 0,
        }
    }
}

impl AnnotatedText {
    /// Adds a passage at the end of the text, one space after the passage before it.
    pub fn push_passage(&mut self, kind: impl Into<String>, text: &str) -> Span {
        if !self.passages.is_empty() && !text.is_empty() {
            self.text.push(' ');
        }
        let start = self.text.chars().count() as u32;
        self.text.push_str(text);
        let span = Span::new(start, start + text.chars().count() as u32);
        self.passages.push(Passage { kind: kind.into(), span, properties: Vec::new() });
        span
    }

    /// The mention that an argument means: of a concept the first, alone or among others.
    pub fn mention_of(&self, argument: &Argument) -> Option<&Mention> {
        self.mentions.get(self.index_of(argument)?)
    }

    /// Index of the mention that an argument means.
    pub fn index_of(&self, argument: &Argument) -> Option<usize> {
        match argument {
            Argument::Mention(index) => Some(*index).filter(|&index| index < self.mentions.len()),
            Argument::Concept(concept) => {
                self.mentions.iter().position(|mention| mention.concept().is_some_and(|held| holds(held, concept)))
            }
        }
    }

    /// Notes what cannot be kept.
    pub(crate) fn set_aside(&mut self, reason: Reason, detail: String) {
        self.set_aside.push(SetAside { reason, detail });
    }
}
