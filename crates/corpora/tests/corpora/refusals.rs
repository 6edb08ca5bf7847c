use clinsynth_corpora::{Format, ReadSettings, import, read};
use proptest::prelude::*;

use crate::{read_bytes, settings};

/// The message of reading `bytes`, with the file's path shortened to its name.
fn check(bytes: &[u8], format: Format, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    let error = read(&path, &ReadSettings { format, ..settings() }).unwrap_err();
    assert_eq!(error.to_string().replace(path.to_str().unwrap(), "file"), expected);
}

#[test]
fn files_that_are_no_corpus() {
    check(b"", Format::Auto, "the corpus `file` is empty");
    check(b"\n \t\n", Format::Iob, "the corpus `file` is empty");
    check(
        b"7|t|Gout\n7|a|caf\xe9 noir",
        Format::Auto,
        "`file` line 2: byte 16 of the file is not UTF-8; convert the file to UTF-8",
    );
    check(
        b"\nindex\ttext\tclass\n1\ta\t0\n",
        Format::Auto,
        &format!(
            "`file` line 2 does not tell the form of the corpus: `index\ttext\tclass`; name the format if it is one of {}",
            Format::names(Format::reads)
        ),
    );
    let error = read("absent.tsv".as_ref(), &settings()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the corpus `absent.tsv`");
}

#[test]
fn lines_that_are_no_pubtator() {
    let check = |line: &str, expected: &str| {
        check(
            format!("7|t|Gout\n{line}\n").as_bytes(),
            Format::PubTator,
            &format!("`file` line 2 {expected}: `{line}`"),
        );
    };
    check("8|a|again", "names another document than the title before it");
    check("8\t0\t4\tGout\tDisease\tX", "names another document than the title before it");
    check("some text", "is no title, abstract or annotation");
    check("7\t0\tfour\tGout\tDisease\tX", "has an offset that is no number");
    check("7\t0\t99999999999\tGout\tDisease\tX", "has an offset that is no number");
    let counts = "columns, expected 5 to 7 for a mention, 4 or 5 for a relation";
    check("7\t0\t4", &format!("has 3 {counts}"));
    check("7\t0\t4\tGout", &format!("has 4 {counts}"));
    check("7\t0\t4\tGout\tDisease\tX\tparts\tmore", &format!("has 8 {counts}"));
}

#[test]
fn pubtator_lines_out_of_order() {
    check(b"7|a|again\n", Format::PubTator, "`file` line 1 stands before the first title (`ID|t|title`): `7|a|again`");
    check(b"7|t|Gout\n7|a|one\n7|a|two\n", Format::Auto, "`file` line 3 is a second abstract: `7|a|two`");
}

#[test]
fn lines_that_are_no_iob() {
    check(b"Gout\tB-X\nis\n", Format::Auto, "`file` line 2 has 1 columns, expected a token and a tag: `is`");
    check(b"Gout\tB-X\nis\tVB\tO\n", Format::Auto, "`file` line 2 has 3 columns, expected 2: `is\tVB\tO`");
    check(b"Gout\tB-X\n\tO\n", Format::Auto, "`file` line 2 has no token: `\tO`");
    check(b"Gout\tB-X\nis\tQ-X\n", Format::Auto, "`file` line 2 ends with an unknown tag: `is\tQ-X`");
    let long = format!("{}\tO-", "x".repeat(100));
    let shown = format!("{}…", "x".repeat(80));
    check(long.as_bytes(), Format::Iob, &format!("`file` line 1 ends with an unknown tag: `{shown}`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a file holds, reading it ends with a corpus or an error, in each form.
    #[test]
    fn no_file_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        lines in prop::collection::vec("(7\\|[ta]\\||-DOCSTART-|)[\\tO7B\\-é ]{0,9}", 0..9),
    ) {
        for format in Format::ALL.iter().copied().chain([Format::Auto]).filter(|format| !format.is_folder() && format.reads()) {
            let settings = ReadSettings { format, ..settings() };
            for file in [bytes.clone(), lines.join("\n").into_bytes()] {
                if let Ok(corpus) = read_bytes(&file, &settings) {
                    prop_assert!(!corpus.examples.is_empty() || corpus.quarantined.is_empty());
                }
            }
        }
    }
}

/// A sound corpus of each format: its files, by name.
const SOUND: [(Format, &[(&str, &str)]); 11] = [
    (Format::PubTator, &[("c", "7|t|Gout\n7|a|again\n7\t0\t4\tGout\tDisease\tD1\n7\tCID\tD1\tD1\n")]),
    (Format::Iob, &[("c", "-DOCSTART- O\n\nNo O\ngout B-X\n\n")]),
    (Format::Relations, &[("c", "index\tsentence\tlabel\n0\t@GENE$ in @DISEASE$\t1\n")]),
    (
        Format::BiocXml,
        &[(
            "c",
            "<collection><document><id>1</id><passage><infon key='type'>title</infon><offset>0</offset><text>Gout &amp; x</text>\
             <annotation id='a'><infon key='type'>D</infon><location offset='0' length='4'/><text>Gout</text></annotation></passage>\
             <relation id='r'><node refid='a' role=''/><node refid='a' role=''/></relation></document></collection>",
        )],
    ),
    (
        Format::BiocJson,
        &[(
            "c",
            r#"{"source": 1.5, "documents": [{"id": 1, "passages": [{"offset": 0, "text": "Gout", "annotations": [{"id": "a", "infons": {"type": "D"}, "text": "Gout", "locations": [{"offset": 0, "length": 4}]}]}], "relations": [{"id": "r", "nodes": [{"refid": "a"}, {"refid": "a"}]}]}]}"#,
        )],
    ),
    (Format::HuggingFace, &[("c", r#"{"id": 3, "tokens": ["No", "gout"], "ner_tags": ["O", "B-X"]}"#)]),
    (
        Format::Prodigy,
        &[(
            "c",
            r#"{"text": "No gout", "spans": [{"start": 3, "end": 7, "label": "X"}], "relations": [{"label": "R", "head_span": {"start": 3, "end": 7}, "child_span": {"start": 0, "end": 2}}]}"#,
        )],
    ),
    (
        Format::Doccano,
        &[(
            "c",
            r#"{"text": "No gout", "label": [[3, 7, "X"]], "entities": [{"id": 1, "label": "X", "start_offset": 0, "end_offset": 2}], "relations": [{"id": 1, "from_id": 1, "to_id": 1, "type": "R"}]}"#,
        )],
    ),
    (
        Format::Brat,
        &[
            (
                "a.ann",
                "T1\tX 3 7;0 2\tgout No\nR1\tR Arg1:T1 Arg2:T1\nN1\tReference T1 A:1\tgout\nA1\tN T1\n#1\tAnnotatorNotes T1\tn\n",
            ),
            ("a.txt", "No gout"),
        ],
    ),
    (
        Format::I2b2,
        &[
            ("a.con", "c=\"gout\" 1:1 1:1||t=\"problem\"\n"),
            ("a.rel", "c=\"gout\" 1:1 1:1||r=\"R\"||c=\"gout\" 1:1 1:1\n"),
            ("a.ast", "c=\"gout\" 1:1 1:1||t=\"problem\"||a=\"absent\"\n"),
            ("a.txt", "No gout"),
        ],
    ),
    (
        Format::ChemProt,
        &[
            ("s_abstracts.tsv", "7\tGout\tagain\n"),
            ("s_entities.tsv", "7\tT1\tGENE\t0\t4\tGout\n"),
            ("s_relations.tsv", "7\tCPR:4\tArg1:T1\tArg2:T1\n"),
        ],
    ),
];

/// Reads files of a format; the error's message, where it is one.
fn outcome(format: Format, files: &[(&str, Vec<u8>)]) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let path = if format.is_folder() { folder.path().to_owned() } else { folder.path().join("c") };
    let settings = ReadSettings { format, ..settings() };
    let mut count = 0;
    for text in import(&path, &settings).map_err(|error| error.to_string())? {
        let error = |error: clinsynth_corpora::CorpusError| {
            let message = error.to_string();
            assert!(message.contains(folder.path().to_str().unwrap()), "{message}");
            message
        };
        count += text.map_err(error)?.example.map_or(0, |example| example.entities.len() + example.relations.len());
    }
    Ok(count)
}

#[test]
fn sound_files_have_annotations() {
    for (format, files) in SOUND {
        let files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_bytes().to_vec())).collect();
        let found = outcome(format, &files);
        assert!(
            matches!(found, Ok(2..)) || (matches!(format, Format::Iob | Format::HuggingFace) && found == Ok(1)),
            "{format}: {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A sound corpus with a byte changed, lost or doubled, or cut short: texts, or one error that names the place.
    #[test]
    fn no_damage_panics(format in 0..SOUND.len(), file in any::<usize>(), place in any::<usize>(), byte in any::<u8>(), kind in 0..5) {
        let (format, files) = SOUND[format];
        let mut files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_bytes().to_vec())).collect();
        let index = file % files.len();
        let bytes = &mut files[index].1;
        let place = place % bytes.len();
        match kind {
            0 => bytes[place] = byte,
            1 => drop(bytes.remove(place)),
            2 => bytes.insert(place, bytes[place]),
            3 => bytes.insert(place, b"<{[\"|\t9"[usize::from(byte) % 7]),
            _ => bytes.truncate(place),
        }
        let _ = outcome(format, &files);
    }
}
