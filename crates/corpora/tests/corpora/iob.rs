use clinsynth_contract::{Entity, Prefix, Sensitivity, Span, decode_tags};
use clinsynth_corpora::{Corpus, Format, ReadSettings};
use proptest::prelude::*;

use crate::{entity_lines, read_bytes, read_text, settings};

fn check(file: &str, expected: &[(&str, &[&str])]) {
    let corpus = read_text(file);
    let found: Vec<_> = corpus.examples.iter().map(|example| (example.text.clone(), entity_lines(example))).collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(text, entities)| ((*text).to_owned(), entities.iter().map(|line| (*line).to_owned()).collect()))
        .collect();
    assert_eq!(found, expected, "{file:?}");
}

#[test]
fn sentences_end_at_blank_lines() {
    check(
        "\n\nNo\tO\npain\tB-Symptom\n\n \nChest\tB-Symptom\npain\tI-Symptom\n.\tO\n",
        &[("No pain", &["3..7 Symptom pain -"]), ("Chest pain .", &["0..10 Symptom Chest pain -"])],
    );
}

#[test]
fn tags_of_every_family_are_understood() {
    check("a I-X\nb I-X\nc B-X\n", &[("a b c", &["0..3 X a b -", "4..5 X c -"])]);
    check("a S-X\nb B-X\nc I-X\nd E-X\n", &[("a b c d", &["0..1 X a -", "2..7 X b c d -"])]);
    check("a U-X\nb B-X\nc L-X\nd O\n", &[("a b c d", &["0..1 X a -", "2..5 X b c -"])]);
    check("a B-X\nb I-Y\n", &[("a b", &["0..1 X a -", "2..3 Y b -"])]);
    check("a B-X-ray\nb I-X-ray\n", &[("a b", &["0..3 X-ray a b -"])]);
    check("a B\nb I\nc O\n", &[("a b c", &["0..3 Entity a b -"])]);
    // Types of the file bound mentions, whatever they are called afterwards.
    check("a B-Modifier\nb I-SpecificDisease\n", &[("a b", &["0..1 Disease a -", "2..3 Disease b -"])]);
}

#[test]
fn further_columns_and_runs_of_spaces_are_passed_over() {
    check("Gout  NN I-NP B-X\nis    VB I-VP O\n", &[("Gout is", &["0..4 X Gout -"])]);
    check("two words\tNN\tB-X\n", &[("two words", &["0..9 X two words -"])]);
}

#[test]
fn characters_are_counted_not_bytes() {
    check("Café\tO\n😷\tB-X\nβ\tI-X\n", &[("Café 😷 β", &["5..8 X 😷 β -"])]);
}

#[test]
fn bare_tags_take_the_label_of_the_empty_key() {
    let mut settings = settings();
    settings.label_map.insert(String::new(), "Chemical".into());
    settings.sensitivity = Sensitivity::Restricted;
    let corpus = read_bytes(b"a B\n", &settings).unwrap();
    assert_eq!(entity_lines(&corpus.examples[0]), ["0..1 Chemical a -"]);
    assert_eq!(corpus.examples[0].sensitivity, Sensitivity::Restricted);
}

#[test]
fn documents_are_sentences_unless_they_are_marked() {
    let documents = |corpus: &Corpus| -> Vec<(String, String)> {
        corpus.examples.iter().map(|example| (example.id.clone(), example.document.clone())).collect()
    };
    let pair = |id: &str, document: &str| (id.to_owned(), document.to_owned());
    assert_eq!(documents(&read_text("a O\n\nb O\n")), [pair("c:0", "c:0"), pair("c:1", "c:1")]);
    let marked = "-DOCSTART- -X- O O\n\na NN X O\n\nb NN X O\n\n-DOCSTART- -X- O O\nc NN X O\n";
    assert_eq!(documents(&read_text(marked)), [pair("c:0", "c:d0"), pair("c:1", "c:d0"), pair("c:2", "c:d1")]);
}

fn tokens() -> impl Strategy<Value = Vec<(String, Prefix, usize)>> {
    let character =
        any::<char>().prop_filter("fits a column", |c| !c.is_control() && !c.is_whitespace() && *c != '\u{feff}');
    let token = prop::collection::vec(character, 1..6).prop_map(String::from_iter);
    let prefix =
        prop::sample::select(vec![Prefix::Outside, Prefix::Begin, Prefix::Inside, Prefix::End, Prefix::Single]);
    prop::collection::vec((token, prefix, 0usize..2), 1..12)
}

fn tag(prefix: Prefix, label: usize) -> String {
    let letter = match prefix {
        Prefix::Outside => return "O".to_owned(),
        Prefix::Begin => 'B',
        Prefix::Inside => 'I',
        Prefix::End => 'E',
        Prefix::Single => 'S',
    };
    format!("{letter}-L{label}")
}

proptest! {
    /// Any tag sequence, well-formed or not, gives the mentions of the contract's rules, each over its own tokens.
    #[test]
    fn mentions_cover_their_tokens(tokens in tokens()) {
        let file: String = tokens.iter().flat_map(|(token, prefix, label)| [token.clone(), "\t".to_owned(), tag(*prefix, *label), "\n".to_owned()]).collect();
        let settings = ReadSettings { format: Format::Iob, ..settings() };
        let example = read_bytes(file.as_bytes(), &settings).unwrap().examples.remove(0);
        let words: Vec<&str> = tokens.iter().map(|(token, ..)| token.as_str()).collect();
        prop_assert_eq!(&example.text, &words.join(" "));

        let start = |word: usize| words[..word].iter().map(|word| word.chars().count() + 1).sum::<usize>() as u32;
        let spans = decode_tags(tokens.iter().map(|&(_, prefix, label)| (prefix, if prefix == Prefix::Outside { 0 } else { label })));
        let expected: Vec<Entity> = spans
            .iter()
            .map(|span| Entity::new(Span::new(start(span.first), start(span.last) - 1), format!("L{}", span.label)))
            .collect();
        prop_assert_eq!(example.entities, expected);
    }
}
