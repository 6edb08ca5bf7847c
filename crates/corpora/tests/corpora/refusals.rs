use clinsynth_corpora::{Format, ReadSettings, read};
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
    /// Whatever a file holds, reading it ends with a corpus or an error, in each form.
    #[test]
    fn no_file_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        lines in prop::collection::vec("(7\\|[ta]\\||-DOCSTART-|)[\\tO7B\\-é ]{0,9}", 0..9),
    ) {
        for format in [Format::Auto, Format::PubTator, Format::Iob, Format::Relations] {
            let settings = ReadSettings { format, ..settings() };
            for file in [bytes.clone(), lines.join("\n").into_bytes()] {
                if let Ok(corpus) = read_bytes(&file, &settings) {
                    prop_assert!(!corpus.examples.is_empty() || corpus.quarantined.is_empty());
                }
            }
        }
    }
}
