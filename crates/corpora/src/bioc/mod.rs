//! BioC: a collection of documents of passages, each with its offset in the document.
//!
//! Source: Comeau et al. 2013, "BioC: a minimalist approach to interoperability for biomedical text processing".

mod elements;
mod json;
mod model;
mod xml;

pub(crate) use json::JsonReader;
pub(crate) use xml::XmlReader;

use crate::CorpusError;
use crate::text::AnnotatedText;
use crate::write::{Losses, Sink};

/// Which of the two a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// XML.
    Xml,
    /// JSON.
    Json,
}

/// Writes a collection, document by document.
pub(crate) struct BiocWriter {
    syntax: Syntax,
    documents: usize,
}

impl BiocWriter {
    /// Writes what stands before the first document.
    pub(crate) fn start(syntax: Syntax, sink: &mut Sink) -> Result<Self, CorpusError> {
        sink.put(&[match syntax {
            Syntax::Xml => xml::HEAD,
            Syntax::Json => json::HEAD,
        }])?;
        Ok(Self { syntax, documents: 0 })
    }

    pub(crate) fn write(
        &mut self,
        text: &AnnotatedText,
        sink: &mut Sink,
        losses: &mut Losses,
    ) -> Result<(), CorpusError> {
        let document = model::from_text(text, losses);
        let between = if self.documents > 0 && self.syntax == Syntax::Json { ",\n" } else { "" };
        self.documents += 1;
        let written = match self.syntax {
            Syntax::Xml => xml::document(&document),
            Syntax::Json => json::document(&document),
        };
        sink.put(&[between, &written])
    }

    /// Writes what stands after the last document.
    pub(crate) fn end(&self, sink: &mut Sink) -> Result<(), CorpusError> {
        sink.put(&[match self.syntax {
            Syntax::Xml => xml::TAIL,
            Syntax::Json => json::TAIL,
        }])
    }
}
