//! spaCy's training JSON, which `spacy convert` reads: documents of paragraphs of sentences of tokens with BILUO tags.
//!
//! Source: spaCy's documentation, "Data formats", "JSON input format for training".

use serde_json::{Value, json};

use crate::CorpusError;
use crate::iob_writer::{IobWriter, sentences};
use crate::text::AnnotatedText;
use crate::write::{Losses, Sink, Tokens, count_unkept};

/// Writes documents as elements of one array.
pub(crate) struct SpacyWriter {
    tokens: Tokens,
    documents: usize,
}

impl SpacyWriter {
    pub(crate) fn start(tokens: Tokens, sink: &mut Sink) -> Result<Self, CorpusError> {
        sink.put(&["[\n"])?;
        Ok(Self { tokens, documents: 0 })
    }

    pub(crate) fn write(
        &mut self,
        text: &AnnotatedText,
        sink: &mut Sink,
        losses: &mut Losses,
    ) -> Result<(), CorpusError> {
        count_unkept(text, losses);
        let tagger = IobWriter::biluo(self.tokens);
        let mut sentence_values = Vec::new();
        let mut id = 0;
        for sentence in sentences(text, self.tokens, losses) {
            let mut tokens: Vec<Value> = Vec::with_capacity(sentence.len());
            for (token, tag) in sentence.iter().zip(tagger.tags(text, &sentence)) {
                tokens.push(json!({ "id": id, "orth": token.text, "ner": tag }));
                id += 1;
            }
            sentence_values.push(json!({ "tokens": tokens, "brackets": [] }));
        }
        let paragraph = json!({ "raw": text.text, "sentences": sentence_values, "cats": [] });
        let document = json!({ "id": self.documents, "paragraphs": [paragraph] });
        let between = if self.documents > 0 { ",\n" } else { "" };
        self.documents += 1;
        sink.put(&[between, &document.to_string()])
    }

    pub(crate) fn end(sink: &mut Sink) -> Result<(), CorpusError> {
        sink.put(&["\n]\n"])
    }
}
