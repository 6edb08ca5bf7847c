//! The columns of a Hugging Face data set in Parquet: tokens with class labels, and the spans beside them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use clinsynth_contract::{Cell, Entity, Relation, TagSet};
use serde_json::{Value, json};

use crate::iob_writer::{IobWriter, sentences};
use crate::text::AnnotatedText;
use crate::write::{Losses, Tokens};
use crate::{CorpusError, Format, Loss};

/// Builds the columns `id`, `document`, `text`, `tokens`, `ner_tags` (class labels), `entities` and `relations`. Every
/// mention is among the entities; tags hold the longest of those that overlap.
pub struct HuggingFaceColumns {
    tags: Vec<String>,
    tokens: Tokens,
}

impl HuggingFaceColumns {
    /// For texts whose mentions have these labels.
    ///
    /// Errors: a label that no tag can carry, being empty or with white space.
    pub fn new(labels: &BTreeSet<String>, tokens: Tokens) -> Result<Self, CorpusError> {
        let tags = if labels.is_empty() { vec!["O".to_owned()] } else { TagSet::new(labels)?.names() };
        Ok(Self { tags, tokens })
    }

    /// The schema, with the features in the metadata as the library `datasets` reads them.
    pub fn schema(&self) -> SchemaRef {
        let field = |name: &str, kind: DataType| Field::new(name, nullable(&kind), true);
        let fields = vec![
            field("id", String::data_type()),
            field("document", String::data_type()),
            field("text", String::data_type()),
            field("tokens", Vec::<String>::data_type()),
            field("ner_tags", Vec::<i64>::data_type()),
            field("entities", Vec::<Entity>::data_type()),
            field("relations", Vec::<Relation>::data_type()),
        ];
        let metadata = HashMap::from([("huggingface".to_owned(), self.features().to_string())]);
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    fn features(&self) -> Value {
        let value = |kind: &str| json!({ "dtype": kind, "_type": "Value" });
        let entity = json!({
            "start": value("uint32"), "end": value("uint32"), "label": value("string"), "concept": value("string"),
        });
        let relation = json!({ "head": value("uint32"), "tail": value("uint32"), "label": value("string") });
        let tag = json!({ "names": self.tags, "_type": "ClassLabel" });
        json!({ "info": { "features": {
            "id": value("string"),
            "document": value("string"),
            "text": value("string"),
            "tokens": { "feature": value("string"), "_type": "Sequence" },
            "ner_tags": { "feature": tag, "_type": "Sequence" },
            "entities": [entity],
            "relations": [relation],
        } } })
    }

    /// The rows of some texts, one each.
    ///
    /// Errors: Arrow's, when a column outgrows its 32-bit offsets (2 GiB of text in one batch).
    pub fn batch(&self, texts: &[AnnotatedText], losses: &mut Losses) -> Result<RecordBatch, ArrowError> {
        let tagger = IobWriter::new(Format::Iob, self.tokens);
        let (mut tokens, mut tags) = (Vec::new(), Vec::new());
        for text in texts {
            // What tags cannot hold stands among the entities, so nothing of it is lost.
            let sentences = sentences(text, self.tokens, &mut Losses::default());
            let id = |tag: String| self.tags.iter().position(|known| *known == tag).unwrap_or_default() as i64;
            tags.push(sentences.iter().flat_map(|sentence| tagger.tags(text, sentence)).map(id).collect::<Vec<_>>());
            let words = sentences.iter().flatten().map(|token| token.text.to_owned());
            tokens.push(words.collect::<Vec<_>>());
        }
        let all = |of: fn(&AnnotatedText) -> String| String::build(texts.iter().map(of).collect());
        let relations = texts.iter().map(|text| relations(text, losses)).collect();
        let columns = [
            all(|text| text.id.clone()),
            all(|text| text.document.clone().unwrap_or_else(|| text.id.clone())),
            all(|text| text.text.clone()),
            Vec::build(tokens),
            Vec::build(tags),
            Vec::build(texts.iter().map(entities).collect()),
            Vec::build(relations),
        ];
        let schema = self.schema();
        let pairs = columns.iter().zip(schema.fields());
        let columns = pairs.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        RecordBatch::try_new(schema, columns)
    }
}

/// The type with nulls allowed everywhere: `datasets` takes features from the metadata only where that is so.
fn nullable(kind: &DataType) -> DataType {
    let field = |field: &FieldRef| Field::new(field.name(), nullable(field.data_type()), true);
    match kind {
        DataType::List(item) => DataType::List(Arc::new(field(item))),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

fn entities(text: &AnnotatedText) -> Vec<Entity> {
    let entity = |mention: &crate::Mention| Entity {
        concept: mention.concept().map(str::to_owned),
        ..Entity::new(mention.cover(), &mention.label)
    };
    text.mentions.iter().map(entity).collect()
}

fn relations(text: &AnnotatedText, losses: &mut Losses) -> Vec<Relation> {
    let mut relations = Vec::new();
    for link in &text.links {
        match (text.index_of(&link.head), text.index_of(&link.tail)) {
            (Some(head), Some(tail)) => {
                relations.push(Relation { head: head as u32, tail: tail as u32, label: link.label.clone() });
            }
            _ => losses.add(Loss::RelationWithoutPair),
        }
    }
    relations
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clinsynth_contract::Span;

    use super::*;
    use crate::{Link, Mention};

    fn columns(labels: &[&str]) -> Result<HuggingFaceColumns, CorpusError> {
        HuggingFaceColumns::new(&labels.iter().map(|&label| label.to_owned()).collect(), Tokens::Words)
    }

    /// Overlapping mentions and relations stand beside tags that hold the longest mention.
    #[test]
    fn a_text_becomes_tokens_class_labels_and_spans() {
        let drug = Mention { concept: Some("D2".to_owned()), ..Mention::new(Span::new(12, 16), "Chemical") };
        let text = AnnotatedText {
            id: "7".to_owned(),
            text: "Acute gout, drug.".to_owned(),
            mentions: vec![Mention::new(Span::new(0, 10), "Disease"), Mention::new(Span::new(6, 10), "Disease"), drug],
            links: vec![Link::between(2, 1, "CID"), Link::between(0, 9, "CID")],
            ..AnnotatedText::default()
        };
        let columns = columns(&["Disease", "Chemical"]).unwrap();
        let mut losses = Losses::default();
        let batch = columns.batch(&[text], &mut losses).unwrap();
        assert_eq!(losses.iter().collect::<Vec<_>>(), [(Loss::RelationWithoutPair, 1)]);
        let column = |name: &str| batch.column_by_name(name).unwrap().clone();
        assert_eq!(columns.tags, ["O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease"]);
        assert_eq!(Vec::<String>::read(&column("tokens"), 0), ["Acute", "gout", ",", "drug", "."]);
        assert_eq!(Vec::<i64>::read(&column("ner_tags"), 0), [3, 4, 0, 1, 0]);
        assert_eq!(String::read(&column("document"), 0), "7");
        let entity = |start, end, label: &str| Entity::new(Span::new(start, end), label);
        let drug = Entity { concept: Some("D2".to_owned()), ..entity(12, 16, "Chemical") };
        let entities = [entity(0, 10, "Disease"), entity(6, 10, "Disease"), drug];
        assert_eq!(Vec::<Entity>::read(&column("entities"), 0), entities);
        let relation = Relation { head: 2, tail: 1, label: "CID".to_owned() };
        assert_eq!(Vec::<Relation>::read(&column("relations"), 0), [relation]);
    }

    /// A field that does not allow nulls would lose its class labels in `datasets`.
    #[test]
    fn every_field_allows_nulls() {
        let schema = columns(&["Gene"]).unwrap().schema();
        assert!(schema.fields().iter().all(|field| field.is_nullable()));
        let item = Field::new("element", DataType::Int64, true);
        assert_eq!(*schema.field_with_name("ner_tags").unwrap().data_type(), DataType::List(Arc::new(item)));
    }

    #[test]
    fn labels_are_named_in_the_metadata() {
        let names = |labels: &[&str]| {
            let schema = columns(labels).unwrap().schema();
            let features: Value = serde_json::from_str(&schema.metadata()["huggingface"]).unwrap();
            features["info"]["features"]["ner_tags"]["feature"].clone()
        };
        assert_eq!(names(&["Gene"]), json!({ "names": ["O", "B-Gene", "I-Gene"], "_type": "ClassLabel" }));
        assert_eq!(names(&[]), json!({ "names": ["O"], "_type": "ClassLabel" }));
        let error = columns(&["two words"]).err().unwrap().to_string();
        assert!(error.contains("`two words`"), "{error}");
    }
}
