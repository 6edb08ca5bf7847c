//! The corpora that users measure on. They are never part of this repository: a checkout beside `shared/corpora`
//! holds them, and elsewhere the test says that it was skipped.

use std::path::{Path, PathBuf};

use clinsynth_contract::{CharOffsets, Span};
use clinsynth_corpora::{Corpus, Warning, read};

use crate::{reasons, settings};

fn corpora() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let present = folder.is_dir();
    if !present {
        eprintln!("skipped: the corpora are not at {}", folder.display());
    }
    present.then_some(folder)
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
fn ncbi_disease_has_its_published_counts() {
    let Some(folder) = corpora() else { return };
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
fn bc5cdr_has_its_published_counts() {
    let Some(folder) = corpora() else { return };
    let train =
        check(&folder, "bc5cdr/CDR_TrainingSet.PubTator.txt", 500, &[("Chemical", 5203), ("Disease", 4182)], 1038);
    assert_eq!((reasons(&train), &train.warnings[..]), ([].into(), &[Warning::CompositeParts { mentions: 107 }][..]));
    let dev =
        check(&folder, "bc5cdr/CDR_DevelopmentSet.PubTator.txt", 500, &[("Chemical", 5347), ("Disease", 4244)], 1012);
    assert_eq!((reasons(&dev), &dev.warnings[..]), ([].into(), &[Warning::CompositeParts { mentions: 89 }][..]));
    check(&folder, "bc5cdr/devel.iob.tsv", 4581, &[("Chemical", 5347), ("Disease", 4246)], 0);
}
