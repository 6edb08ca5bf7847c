#![allow(dead_code, reason = "each target uses one of the two")]
//! What the targets share: a reader must end with texts or one error, and what it gave must import and be written.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use clinsynth_contract::{CharOffsets, Sensitivity};
use clinsynth_corpora::{
    AnnotatedText, CorpusError, Discontinuous, Format, ReadSettings, Texts, WriteSettings, Writer, texts, texts_of, to_example,
};

/// Reads bytes as a file of a format.
pub fn file(data: &[u8], format: Format) {
    if let Ok(texts) = texts_of(Box::new(Cursor::new(data.to_vec())), Path::new("fuzzed"), format) {
        take(texts, format);
    }
}

/// Reads bytes as the files of a folder: pieces between zero bytes, in the order of `names`.
pub fn folder(data: &[u8], names: &[&str], format: Format) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, piece) in names.iter().zip(data.split(|&byte| byte == 0)) {
        std::fs::write(folder.path().join(name), piece).expect("a file");
    }
    if let Ok(texts) = texts(folder.path(), format) {
        take(texts, format);
    }
}

fn take(texts: Texts, format: Format) {
    let settings = ReadSettings {
        format,
        label_map: BTreeMap::new(),
        discontinuous: Discontinuous::Cover,
        source: "fuzz".into(),
        sensitivity: Sensitivity::Public,
    };
    let read: Result<Vec<AnnotatedText>, CorpusError> = texts.collect();
    let Ok(read) = read else { return };
    let folder = tempfile::tempdir().expect("a folder");
    if format.writes() {
        let mut writer =
            Writer::create(&folder.path().join("out"), format, WriteSettings::default()).expect("a writer");
        for text in &read {
            writer.write(text).expect("a written text");
        }
        writer.finish().expect("a written corpus");
    }
    for text in read {
        let example = to_example(text, &settings).example;
        let offsets = CharOffsets::new(&example.text);
        for entity in &example.entities {
            offsets.slice(entity.span()).expect("an entity within its text");
        }
    }
}
