use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use clinsynth_contract::{Example, Quarantined};

use crate::detection::detect;
use crate::input::Input;
use crate::{CorpusError, Format, ReadSettings, iob, pubtator};

/// What a corpus file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corpus {
    /// Documents (PubTator) or sentences (IOB), in the order of the file. Their split is open, their origin `human`.
    pub examples: Vec<Example>,
    /// Annotations and documents that were set aside, each with its reason: `span_outside`, `text_mismatch`,
    /// `duplicate_annotation`, `relation_concept_not_found` or `duplicate_document`.
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
        /// Line of its second title, from 1.
        line: usize,
    },
    /// A mention has white space at its ends that the text under its span lacks; its offsets were kept.
    LooseMention {
        /// The document's identifier in the file.
        document: String,
        /// Line of the annotation, from 1.
        line: usize,
    },
    /// Mentions whose seventh column spells out the parts of a composite mention; the spelling has no place in the
    /// table, the concepts of the parts are kept in the mention's own.
    CompositeParts {
        /// How many mentions.
        mentions: usize,
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
        }
    }
}

/// Reads a corpus file.
///
/// Errors: [`CorpusError`], with the line, when the file is not of the form; single annotations that do not fit their
/// text are no error but [`Corpus::quarantined`].
pub fn read(path: &Path, settings: &ReadSettings) -> Result<Corpus, CorpusError> {
    let input = Input::read(path)?;
    let first = input.first_line()?;
    let format = if settings.format == Format::Auto { detect(&input, first)? } else { settings.format };
    let mut corpus =
        if format == Format::Iob { iob::read(&input, settings)? } else { pubtator::read(&input, settings)? };
    for example in &corpus.examples {
        corpus.labels.extend(example.entities.iter().map(|entity| entity.label.clone()));
        corpus.relation_labels.extend(example.relations.iter().map(|relation| relation.label.clone()));
    }
    Ok(corpus)
}
