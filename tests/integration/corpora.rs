//! Corpora in and out by the real binary: round trips, conversion, what is refused, and fetching without a network.

use std::fs;
use std::path::Path;

use clinsynth_contract::{Entity, Example, Quarantined, Relation, Sensitivity, Span, Split};
use clinsynth_store::{Dataset, inspect};
use serde_json::json;

use crate::workplace::Workplace;

/// A corpus as it is written: its files, by name below the corpus; an empty name for a corpus of one file.
type Files<'f> = &'f [(&'f str, &'f str)];

fn write(place: &Workplace, corpus: &str, files: Files) {
    for (name, content) in files {
        let path = place.path(corpus).join(name);
        let path = if name.is_empty() { place.path(corpus) } else { path };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn check_files(place: &Workplace, corpus: &str, files: Files) {
    for (name, content) in files {
        let path = if name.is_empty() { place.path(corpus) } else { place.path(corpus).join(name) };
        assert_eq!(fs::read_to_string(path).unwrap(), *content, "{corpus} {name}");
    }
    let path = place.path(corpus);
    if path.is_dir() {
        assert_eq!(fs::read_dir(path).unwrap().count(), files.len(), "{corpus}");
    }
}

/// Each format, read as it is called and by `auto`, comes back from a dataset with the same bytes.
#[test]
fn every_format_comes_back_from_a_dataset() {
    let place = Workplace::new();
    let pubtator = "1|t|Gout after ciclosporin\n1|a|\n1\t0\t4\tGout\tDisease\tD1\n1\t11\t22\tciclosporin\tChemical\tD2\n1\tCID\tD2\tD1\n\n2|t|No gout.\n2|a|\n\n";
    let sentences = "Gout\tB-Disease\nafter\tO\nciclosporin\tB-Chemical\n\nNo\tO\n";
    let cases: [(&str, Files); 11] = [
        ("pubtator", &[("", pubtator)]),
        ("iob", &[("", &format!("{sentences}gout\tO\n.\tO\n\n"))]),
        ("bioes", &[("", "Old\tB-Disease\ngout\tE-Disease\nor\tO\nasthma\tS-Disease\n\n")]),
        ("conll", &[("", "-DOCSTART- -X- -X- O\n\nNo -X- -X- O\ngout -X- -X- B-Disease\n\n")]),
        (
            "huggingface",
            &[("", "{\"id\":\"1\",\"tokens\":[\"No\",\"gout\",\".\"],\"ner_tags\":[\"O\",\"B-Disease\",\"O\"]}\n")],
        ),
        (
            "doccano",
            &[(
                "",
                "{\"id\":\"1\",\"text\":\"Gout after ciclosporin\",\"entities\":[{\"id\":1,\"label\":\"Disease\",\"start_offset\":0,\"end_offset\":4,\"concept\":\"D1\"},\
                 {\"id\":2,\"label\":\"Chemical\",\"start_offset\":11,\"end_offset\":22}],\"relations\":[{\"id\":1,\"from_id\":2,\"to_id\":1,\"type\":\"CID\"}]}\n",
            )],
        ),
        (
            "prodigy",
            &[(
                "",
                "{\"text\":\"No gout\",\"meta\":{\"id\":\"1\"},\"tokens\":[{\"text\":\"No\",\"start\":0,\"end\":2,\"id\":0,\"ws\":true},{\"text\":\"gout\",\"start\":3,\"end\":7,\"id\":1,\"ws\":false}],\
                 \"spans\":[{\"start\":3,\"end\":7,\"token_start\":1,\"token_end\":1,\"label\":\"Disease\"}],\"relations\":[],\"answer\":\"accept\"}\n",
            )],
        ),
        (
            "brat",
            &[
                (
                    "1.ann",
                    "T1\tDisease 0 4\tGout\nN1\tReference T1 D1\tGout\nT2\tChemical 11 22\tciclosporin\nR1\tCID Arg1:T2 Arg2:T1\n",
                ),
                ("1.txt", "Gout after ciclosporin"),
            ],
        ),
        (
            "i2b2",
            &[
                ("1.con", "c=\"gout\" 1:1 1:1||t=\"problem\"\nc=\"statin\" 2:0 2:0||t=\"treatment\"\n"),
                ("1.rel", "c=\"statin\" 2:0 2:0||r=\"TrAP\"||c=\"gout\" 1:1 1:1\n"),
                ("1.txt", "No gout\nstatin"),
            ],
        ),
        ("relations", &[("", "index\tsentence\tlabel\n0\t@GENE$ in @DISEASE$\t1\n7\tno @DISEASE$ by @GENE$\t0\n")]),
        ("text", &[("1.txt", "No gout.\n"), ("2.txt", "Asthma.")]),
    ];
    for (format, files) in cases {
        let corpus = format!("{format}.corpus");
        write(&place, &corpus, files);
        for named in [format, "auto"] {
            let named = if format == "bioes" || format == "conll" { format } else { named };
            let dataset = format!("{format}.parquet");
            place.clinsynth(&["import", named, &corpus, &dataset, "--source", "c"]).check(0, &["set aside  none"]);
            let back = format!("{format}.{named}.back");
            let export = ["export", format, &dataset, &back, "--source", "c", "--tokens", "white-space"];
            place.clinsynth(&export).check(0, &["written to"]);
            check_files(&place, &back, files);
        }
    }
}

const DOCUMENT: &str = "1|t|Gout after ciclosporin\n1|a|Gout again.\n1\t0\t4\tGout\tSpecificDisease\tD1\n1\t11\t22\tciclosporin\tChemical\tD2\n\
                        1\t23\t27\tgout\tSpecificDisease\tD1\n1\tCID\tD2\tD1\n";

/// A mention that does not fit is set aside with its line; options decide about labels, split and sensitivity.
#[test]
fn an_import_reports_what_does_not_fit() {
    let place = Workplace::new();
    place.write("corpus.txt", DOCUMENT);
    let line = "corpus:1 [text_mismatch] line 5: `gout` (SpecificDisease) at 23..27, but the text there is `Gout`";
    let options = ["--sensitivity", "public", "--label", "Chemical=Drug", "--split", "test"];
    let ended = place.clinsynth(&[&["import", "auto", "corpus.txt", "out.parquet"][..], &options].concat());
    ended.check(0, &[line, "1 Disease, 1 Drug", "relations  1 CID", "set aside  1 text_mismatch"]);
    let mut dataset = Dataset::<Example>::open(place.path("out.parquet")).unwrap();
    assert_eq!(dataset.info().sensitivity, Sensitivity::Public);
    let example = dataset.read().unwrap().remove(0);
    assert_eq!((&*example.id, example.split), ("corpus:1", Some(Split::Test)));
    let entity = |start, end, label: &str, concept: &str| Entity {
        concept: Some(concept.into()),
        ..Entity::new(Span::new(start, end), label)
    };
    assert_eq!(example.entities, [entity(0, 4, "Disease", "D1"), entity(11, 22, "Drug", "D2")]);
    assert_eq!(example.relations, [Relation { head: 1, tail: 0, label: "CID".into() }]);
    let set_aside: Vec<Quarantined> = Dataset::open(place.path("out.quarantine.parquet")).unwrap().read().unwrap();
    let found: Vec<_> = set_aside.iter().map(|row| (&*row.id, &*row.reason)).collect();
    assert_eq!(found, [("corpus:1", "text_mismatch")]);

    // A sound file at the same place leaves nothing of that behind.
    place.write("corpus.txt", "1|t|Gout\n1|a|\n1\t0\t4\tGout\tDisease\n");
    place.clinsynth(&["import", "auto", "corpus.txt", "out.parquet"]).check(0, &["set aside  none"]);
    let set_aside: Vec<Quarantined> = Dataset::open(place.path("out.quarantine.parquet")).unwrap().read().unwrap();
    assert_eq!(set_aside, []);
    place
        .clinsynth(&["export", "iob", "out.parquet", "out.tsv"])
        .check(0, &["the text is restricted, which `out.tsv`"]);
}

/// What has no place in the other format is counted.
#[test]
fn a_corpus_is_converted() {
    let place = Workplace::new();
    place.write("corpus.txt", DOCUMENT);
    place.clinsynth(&["convert", "auto", "pubtator", "corpus.txt", "same.txt"]).check(0, &["1 texts written"]);
    check_files(&place, "same.txt", &[("", &format!("{DOCUMENT}\n"))]);
    let ended = place.clinsynth(&["convert", "pubtator", "conll", "corpus.txt", "corpus.conll"]);
    ended.check(0, &["note: 1 relations left out", "note: 3 concepts left out"]);
    let expected = "-DOCSTART- -X- -X- O\n\nGout -X- -X- B-SpecificDisease\nafter -X- -X- O\nciclosporin -X- -X- B-Chemical\n\n\
                    Gout -X- -X- B-SpecificDisease\nagain -X- -X- O\n. -X- -X- O\n\n";
    check_files(&place, "corpus.conll", &[("", expected)]);
    place.clinsynth(&["convert", "pubtator", "bioc-xml", "corpus.txt", "corpus.xml"]).check(0, &[]);
    place.clinsynth(&["convert", "bioc-xml", "pubtator", "corpus.xml", "back.txt"]).check(0, &[]);
    check_files(&place, "back.txt", &[("", &format!("{DOCUMENT}\n"))]);
}

/// Every chemical with every disease, whether the document relates them or not.
#[test]
fn pairs_of_concepts_are_listed() {
    let place = Workplace::new();
    let more = "1\t28\t33\tagain\tDisease\tD3\n";
    place.write("corpus.txt", &(DOCUMENT.replace("SpecificDisease", "Disease") + more));
    place.write(
        "pipeline.yaml",
        "version: 1\nname: pairs\nlabels: [Chemical, Disease]\nsteps:\n  gold:\n    uses: import\n    with:\n      path: corpus.txt\n      \
         concept-pairs: {between: [[Chemical, Disease]], unlisted: none}\n",
    );
    place.run().check(0, &["1 ran"]);
    let example: Example = Dataset::open(place.output("gold", "examples")).unwrap().read().unwrap().remove(0);
    let relation = |tail, label: &str| Relation { head: 1, tail, label: label.into() };
    assert_eq!(example.relations, [relation(0, "CID"), relation(2, "none")]);
}

#[test]
fn a_hugging_face_data_set_holds_tags_and_spans() {
    let place = Workplace::new();
    place.write(
        "corpus.txt",
        "1|t|Old gout.\n1|a|\n1\t0\t8\tOld gout\tDisease\tD1\n1\t4\t8\tgout\tDisease\tD1\n1\tsame\tD1\tD1\n",
    );
    place
        .clinsynth(&["convert", "auto", "parquet", "corpus.txt", "c.parquet"])
        .check(0, &["1 texts written to c.parquet"]);
    place.clinsynth(&["import", "auto", "corpus.txt", "d.parquet", "--source", "c"]).check(0, &[]);
    place.clinsynth(&["export", "parquet", "d.parquet", "e.parquet", "--source", "c"]).check(0, &[]);
    let row = |relation: &str| {
        json!({
            "id": "1", "document": "1", "text": "Old gout.", "tokens": ["Old", "gout", "."], "ner_tags": [1, 2, 0],
            "entities": [
                {"start": 0, "end": 8, "label": "Disease", "concept": "D1"},
                {"start": 4, "end": 8, "label": "Disease", "concept": "D1"},
            ],
            "relations": [{"head": 0, "tail": 0, "label": relation}],
        })
    };
    for file in ["c.parquet", "e.parquet"] {
        assert_eq!(inspect(place.path(file), 9).unwrap().sample, [row("same")], "{file}");
    }
    place.clinsynth(&["show", "c.parquet"]).check(0, &["ner_tags"]);
    place.write("labels.tsv", "gout\tB\n");
    place.clinsynth(&["convert", "iob", "parquet", "labels.tsv", "l.parquet"]).check(2, &["label"]);
    assert!(!place.path("l.parquet").exists());
}

#[test]
fn what_cannot_be_read_or_written_is_refused() {
    let place = Workplace::new();
    place.write("corpus.txt", DOCUMENT);
    place.write("empty.txt", "\n");
    place.write("words.txt", "only words\n");
    place.write("bad.txt", "1|t|Gout\n1\t0\tfour\tGout\tDisease\n");
    fs::write(place.path("latin.txt"), b"1|t|caf\xe9\n").unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    let check = |arguments: &[&str], code: i32, parts: &[&str]| {
        place.clinsynth(arguments).check(code, parts);
        assert!(!place.path("out").exists(), "{arguments:?}");
    };
    let import = |format: &str, corpus: &str, parts: &[&str]| check(&["import", format, corpus, "out"], 2, parts);
    import("pdf", "corpus.txt", &["no format is called `pdf`; there are auto, pubtator"]);
    import("spacy", "corpus.txt", &["the format `spacy` is only written"]);
    import("auto", "absent.txt", &["cannot read the corpus `absent.txt`"]);
    import("auto", "empty.txt", &["the corpus `empty.txt` is empty"]);
    import("auto", "words.txt", &["`words.txt` line 1 does not tell the form", "only words"]);
    import("auto", "bad.txt", &["`bad.txt` line 2 has an offset that is no number"]);
    import("auto", "latin.txt", &["`latin.txt` line 1: byte 7 of the file is not UTF-8"]);
    import("auto", "folder", &["the folder `folder` holds no corpus"]);
    import("brat", "corpus.txt", &["`corpus.txt` is not a folder, which the format `brat` is"]);
    check(&["import", "auto", "corpus.txt", "absent/out"], 2, &["absent/out"]);
    check(&["import", "auto", "corpus.txt", "out", "--label", "Disease"], 2, &["`Disease` is not of the form FROM=TO"]);
    check(&["import", "auto", "corpus.txt", "out", "--sensitivity", "secret"], 2, &["secret"]);
    check(&["import", "auto"], 2, &["Usage: clinsynth import"]);
    check(
        &["convert", "auto", "auto", "corpus.txt", "out"],
        2,
        &["a corpus is written in one of the formats pubtator"],
    );
    check(&["convert", "auto", "chemprot", "corpus.txt", "out"], 2, &["spacy, parquet"]);
    check(&["convert", "auto", "pdf", "corpus.txt", "out"], 2, &["no format is called `pdf`"]);
    check(&["convert", "auto", "iob", "bad.txt", "out"], 2, &["`bad.txt` line 2"]);
    check(&["convert", "auto", "parquet", "bad.txt", "out"], 2, &["`bad.txt` line 2"]);
    check(&["export", "iob", "absent.parquet", "out"], 2, &["absent.parquet"]);
    check(&["export", "iob", "corpus.txt", "out"], 2, &["corpus.txt", "not"]);
    check(&["export", "iob", "curate.examples", "out"], 2, &["curate"]);
}

const TRAIN: &str = "https://www.ncbi.nlm.nih.gov/CBBresearch/Dogan/DISEASE/NCBItrainset_corpus.zip";

/// Without a program to download with, everything that is missing is named at once, and nothing is left half done.
#[test]
fn what_cannot_be_fetched_is_named() {
    let place = Workplace::new();
    let fetch = |arguments: &[&str], code: i32, parts: &[&str]| {
        let mut command = place.command(&[&["fetch"][..], arguments].concat());
        let output = command.env("PATH", place.path("folder-without-programs")).output().unwrap();
        crate::workplace::Ended::of(&output).check(code, parts);
    };
    let files = "get NCBItrainset_corpus.txt, NCBIdevelopset_corpus.txt, NCBItestset_corpus.txt or the zip archives that hold them from";
    let parts = ["neither curl nor wget", files, TRAIN, "NCBItestset_corpus.zip by hand, put them into `ncbi-disease`"];
    fetch(&["ncbi-disease"], 4, &parts);
    fetch(&["genia"], 2, &["no corpus `genia` can be fetched; there are ncbi-disease, bc5cdr, gad"]);
    assert!(!place.path("genia").exists());
    fetch(&["gad", "mine"], 4, &["get train.tsv, dev.tsv or the zip archives that hold them", "put them into `mine`"]);
    // A file by that name with another content is neither taken nor touched.
    fs::write(place.path("mine").join("dev.tsv"), "index\tsentence\tlabel\n").unwrap();
    fetch(
        &["gad", "mine"],
        2,
        &["mine/dev.tsv` has sha256 `", "expected `ede2bebdf5fa6094a493801f447bb7827ab0e5511fa0c399234e9e77a96d7159`"],
    );
    fs::write(place.path("ncbi-disease").join("NCBItrainset_corpus.zip"), "no archive").unwrap();
    fetch(&["ncbi-disease"], 4, &["NCBItrainset_corpus.zip"]);
    let left: Vec<_> =
        fs::read_dir(place.path("ncbi-disease")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["NCBItrainset_corpus.zip"]);
}

/// Files put there by hand are checked against their digests and taken.
#[test]
#[ignore = "needs CLINSYNTH_CORPORA: a folder with ncbi-disease/, bc5cdr/ and gad/"]
fn files_given_by_hand_are_taken() {
    let corpora = std::env::var_os("CLINSYNTH_CORPORA").expect("set CLINSYNTH_CORPORA to a folder of corpora");
    let place = Workplace::new();
    fs::create_dir(place.path("gad")).unwrap();
    for file in ["train.tsv", "dev.tsv"] {
        fs::copy(Path::new(&corpora).join("gad").join(file), place.path("gad").join(file)).unwrap();
    }
    place.clinsynth(&["fetch", "gad"]).check(0, &["gad/train.tsv", "gad/dev.tsv"]);
    fs::remove_file(place.path("gad/dev.tsv")).unwrap();
    place.clinsynth(&["fetch", "gad"]).check(4, &["get dev.tsv or the zip archives that hold them"]);
}
