use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use clinsynth_contract::{Example, Quarantined};

use crate::example::{Imported, quarantined, to_example};
use crate::read::{Texts, texts};
use crate::text::Reason;
use crate::{CorpusError, ReadSettings};

/// What a corpus holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corpus {
    /// Documents or sentences, in the order of the corpus. Their split is open, their origin `human`.
    pub examples: Vec<Example>,
    /// Annotations and documents that were set aside, each with its [`Reason`].
    pub quarantined: Vec<Quarantined>,
    /// Labels of the entities.
    pub labels: BTreeSet<String>,
    /// Labels of the relations.
    pub relation_labels: BTreeSet<String>,
    /// What a reader of the corpus should know, though nothing is lost by it.
    pub warnings: Vec<Warning>,
}

/// An oddity of a corpus that was read around.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A document stands twice, with the same text and annotations; it was kept once.
    DocumentTwice {
        /// The document's identifier in the file.
        document: String,
        /// Line at which it begins again, from 1.
        line: usize,
    },
    /// A mention has white space at its ends that the text under its span lacks; its offsets were kept.
    LooseMention {
        /// The document's identifier in the file.
        document: String,
        /// Line of the annotation, from 1.
        line: usize,
    },
    /// The parts of composite mentions are spelled out; the spelling has no place in the table, the concepts of the
    /// parts are kept in the mention's own.
    CompositeParts {
        /// How many mentions.
        mentions: usize,
    },
    /// Mentions in several pieces were treated as the settings say.
    Discontinuous {
        /// How many mentions.
        mentions: usize,
        /// What became of them, in words.
        treatment: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DocumentTwice { document, line } => {
                write!(f, "document `{document}` stands twice (again at line {line}) and was kept once")
            }
            Self::LooseMention { document, line } => {
                write!(
                    f,
                    "line {line}: a mention of document `{document}` has white space that its span does not cover"
                )
            }
            Self::CompositeParts { mentions } => {
                write!(f, "the spelled-out parts of {mentions} composite mentions were left out")
            }
            Self::Discontinuous { mentions, treatment } => {
                write!(f, "{mentions} discontinuous mentions {treatment} (`discontinuous`)")
            }
        }
    }
}

/// The examples of a corpus, one at a time. Of a document that stands twice the second is left out; for that, 24 bytes
/// of each document are kept, and of everything else only the text under way.
pub struct Import<'s> {
    texts: Texts,
    settings: &'s ReadSettings,
    /// Digest of an identifier to line and content's digest.
    seen: HashMap<u64, (usize, u64)>,
    composite: usize,
    discontinuous: usize,
}

/// One text of an [`Import`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportedText {
    /// The example, unless its identifier stood before.
    pub example: Option<Example>,
    /// What was set aside.
    pub quarantined: Vec<Quarantined>,
    /// What was read around.
    pub warnings: Vec<Warning>,
}

impl Import<'_> {
    /// What concerns the corpus as a whole, once all texts were read.
    pub fn summary(&self) -> Vec<Warning> {
        let treatment = self.settings.discontinuous.words();
        let composite = Warning::CompositeParts { mentions: self.composite };
        let discontinuous = Warning::Discontinuous { mentions: self.discontinuous, treatment };
        let all = [(self.composite, composite), (self.discontinuous, discontinuous)];
        all.into_iter().filter(|(count, _)| *count > 0).map(|(_, warning)| warning).collect()
    }

    fn take(&mut self, line: usize, id: &str, imported: Imported) -> ImportedText {
        let Imported { example, quarantined, loose, composite, discontinuous } = imported;
        let content = digest(&example);
        if let Some(&(first, known)) = self.seen.get(&hash(&example.id)) {
            return self.set_aside_twin(line, id, &example, first, known == content);
        }
        self.seen.insert(hash(&example.id), (line, content));
        self.composite += composite;
        self.discontinuous += discontinuous;
        let warn = |line| Warning::LooseMention { document: id.to_owned(), line };
        ImportedText { example: Some(example), quarantined, warnings: loose.into_iter().map(warn).collect() }
    }

    /// Reports a document whose identifier stood before, at line `first`.
    fn set_aside_twin(&self, line: usize, id: &str, example: &Example, first: usize, same: bool) -> ImportedText {
        if same {
            let warnings = vec![Warning::DocumentTwice { document: id.to_owned(), line }];
            return ImportedText { warnings, ..ImportedText::default() };
        }
        let detail = format!("line {line}: differs from the document of this identifier at line {first}");
        let row = quarantined(self.settings, &example.id, &example.text, Reason::DuplicateDocument, detail);
        ImportedText { quarantined: vec![row], ..ImportedText::default() }
    }
}

impl Iterator for Import<'_> {
    type Item = Result<ImportedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = match self.texts.next()? {
            Ok(text) => text,
            Err(error) => return Some(Err(error)),
        };
        let (line, id) = (text.line, text.id.clone());
        let imported = to_example(text, self.settings);
        Some(Ok(self.take(line, &id, imported)))
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn digest(example: &Example) -> u64 {
    let mut hasher = DefaultHasher::new();
    example.text.hash(&mut hasher);
    for entity in &example.entities {
        (entity.start, entity.end, &entity.label, &entity.concept).hash(&mut hasher);
    }
    for relation in &example.relations {
        (relation.head, relation.tail, &relation.label).hash(&mut hasher);
    }
    hasher.finish()
}

/// Starts reading a corpus as examples.
///
/// Errors: as [`texts`].
pub fn import<'s>(path: &Path, settings: &'s ReadSettings) -> Result<Import<'s>, CorpusError> {
    let texts = texts(path, settings.format)?;
    Ok(Import { texts, settings, seen: HashMap::new(), composite: 0, discontinuous: 0 })
}

/// Reads a whole corpus.
///
/// Errors: [`CorpusError`], with the line, when the file is not of the form; single annotations that do not fit their
/// text are no error but [`Corpus::quarantined`].
pub fn read(path: &Path, settings: &ReadSettings) -> Result<Corpus, CorpusError> {
    let mut corpus = Corpus::default();
    let mut texts = import(path, settings)?;
    for text in &mut texts {
        let ImportedText { example, mut quarantined, mut warnings } = text?;
        corpus.quarantined.append(&mut quarantined);
        corpus.warnings.append(&mut warnings);
        corpus.examples.extend(example);
    }
    corpus.warnings.extend(texts.summary());
    for example in &corpus.examples {
        corpus.labels.extend(example.entities.iter().map(|entity| entity.label.clone()));
        corpus.relation_labels.extend(example.relations.iter().map(|relation| relation.label.clone()));
    }
    Ok(corpus)
}
