//! The corpora that users measure on. They are never part of this repository: `CLINSYNTH_CORPORA` names the folder that
//! holds them, and elsewhere the tests are ignored.

use std::path::{Path, PathBuf};

use clinsynth_contract::{CharOffsets, Example, Span};
use clinsynth_corpora::{AnnotatedText, Corpus, Format, ReadSettings, Tokens, Warning, from_example, read, texts};

use crate::round_trip::write;
use crate::{reasons, settings};

fn corpora() -> PathBuf {
    let folder = std::env::var_os("CLINSYNTH_CORPORA").expect("CLINSYNTH_CORPORA names the folder of the corpora");
    PathBuf::from(folder)
}

/// Documents or sentences, mentions by label, relations.
fn check(folder: &Path, file: &str, examples: usize, mentions: &[(&str, usize)], relations: usize) -> Corpus {
    let corpus = read(&folder.join(file), &settings()).unwrap();
    let count = |label: &str| {
        corpus.examples.iter().flat_map(|example| &example.entities).filter(|entity| entity.label == label).count()
    };
    let found: Vec<_> = corpus.labels.iter().map(|label| (label.as_str(), count(label))).collect();
    let related: usize = corpus.examples.iter().map(|example| example.relations.len()).sum();
    assert_eq!((corpus.examples.len(), &found[..], related), (examples, mentions, relations), "{file}");
    for example in &corpus.examples {
        let offsets = CharOffsets::new(&example.text);
        for entity in &example.entities {
            offsets.slice(Span::new(entity.start, entity.end)).unwrap();
        }
    }
    corpus
}

#[test]
#[ignore = "needs CLINSYNTH_CORPORA"]
fn ncbi_disease_has_its_published_counts() {
    let folder = corpora();
    let train = check(&folder, "ncbi-disease/NCBItrainset_corpus.txt", 592, &[("Disease", 5134)], 0);
    assert_eq!(reasons(&train), [].into());
    let [Warning::LooseMention { document: loose, .. }, Warning::DocumentTwice { document: twice, .. }] =
        &train.warnings[..]
    else {
        panic!("{:?}", train.warnings)
    };
    assert_eq!((loose.as_str(), twice.as_str()), ("10923035", "8528200"));
    let dev = check(&folder, "ncbi-disease/NCBIdevelopset_corpus.txt", 100, &[("Disease", 787)], 0);
    assert_eq!((reasons(&dev), &dev.warnings[..]), ([].into(), &[][..]));
    check(&folder, "ncbi-disease/train.tsv", 5424, &[("Disease", 5134)], 0);
    check(&folder, "ncbi-disease/devel.tsv", 923, &[("Disease", 787)], 0);
}

#[test]
#[ignore = "needs CLINSYNTH_CORPORA"]
fn bc5cdr_has_its_published_counts() {
    let folder = corpora();
    let train =
        check(&folder, "bc5cdr/CDR_TrainingSet.PubTator.txt", 500, &[("Chemical", 5203), ("Disease", 4182)], 1038);
    assert_eq!((reasons(&train), &train.warnings[..]), ([].into(), &[Warning::CompositeParts { mentions: 107 }][..]));
    let dev =
        check(&folder, "bc5cdr/CDR_DevelopmentSet.PubTator.txt", 500, &[("Chemical", 5347), ("Disease", 4244)], 1012);
    assert_eq!((reasons(&dev), &dev.warnings[..]), ([].into(), &[Warning::CompositeParts { mentions: 89 }][..]));
    check(&folder, "bc5cdr/devel.iob.tsv", 4581, &[("Chemical", 5347), ("Disease", 4246)], 0);
}

#[test]
#[ignore = "needs CLINSYNTH_CORPORA"]
fn gad_has_its_published_counts() {
    let folder = corpora();
    for (file, sentences, positive) in [("gad/train.tsv", 4261, 2227), ("gad/dev.tsv", 535, 293)] {
        let corpus = check(&folder, file, sentences, &[("Disease", sentences), ("Gene", sentences)], sentences);
        let found = corpus.examples.iter().filter(|example| example.relations[0].label == "1").count();
        assert_eq!((reasons(&corpus), found), ([].into(), positive), "{file}");
        let head = |example: &Example| example.entities[example.relations[0].head as usize].label == "Gene";
        assert!(corpus.examples.iter().all(head));
    }
}

const FILES: [(&str, Format); 9] = [
    ("ncbi-disease/NCBItrainset_corpus.txt", Format::PubTator),
    ("ncbi-disease/NCBIdevelopset_corpus.txt", Format::PubTator),
    ("bc5cdr/CDR_TrainingSet.PubTator.txt", Format::PubTator),
    ("bc5cdr/CDR_DevelopmentSet.PubTator.txt", Format::PubTator),
    ("ncbi-disease/train.tsv", Format::Iob),
    ("ncbi-disease/devel.tsv", Format::Iob),
    ("bc5cdr/devel.iob.tsv", Format::Iob),
    ("gad/train.tsv", Format::Relations),
    ("gad/dev.tsv", Format::Relations),
];

fn all(path: &Path, format: Format) -> Vec<AnnotatedText> {
    texts(path, format).unwrap().map(Result::unwrap).collect()
}

/// Every line that is not blank, byte by byte.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs CLINSYNTH_CORPORA"]
fn every_file_comes_back_line_by_line() {
    let folder = corpora();
    let scratch = tempfile::tempdir().unwrap();
    for (file, format) in FILES {
        let written = scratch.path().join("written");
        let losses = write(&written, &all(&folder.join(file), format), format, Tokens::Words).unwrap();
        assert!(losses.is_empty(), "{file}: {losses:?}");
        assert_eq!(lines(&written), lines(&folder.join(file)), "{file}");
    }
}

/// Import, export and import again, with the file's own labels: the examples are the same.
#[test]
#[ignore = "needs CLINSYNTH_CORPORA"]
fn examples_come_back_through_their_own_format() {
    let folder = corpora();
    let scratch = tempfile::tempdir().unwrap();
    for (file, format) in FILES {
        let settings = ReadSettings { label_map: [].into(), ..settings() };
        let first = read(&folder.join(file), &settings).unwrap();
        let exported: Vec<_> = first.examples.iter().map(|example| from_example(example, Some("c"))).collect();
        let written = scratch.path().join("written");
        write(&written, &exported, format, Tokens::WhiteSpace).unwrap();
        let second = read(&written, &settings).unwrap();
        assert_eq!(second.quarantined, [], "{file}");
        for (first, second) in first.examples.iter().zip(&second.examples) {
            assert_eq!(second, first, "{file}");
        }
        assert_eq!(second.examples.len(), first.examples.len());
    }
}
