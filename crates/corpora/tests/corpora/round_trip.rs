//! What a writer wrote, its reader gives back.

use std::path::Path;

use clinsynth_contract::Span;
use clinsynth_corpora::{
    AnnotatedText, Argument, CorpusError, Format, Link, Losses, Mention, Tokens, WriteSettings, Writer, texts,
};
use proptest::prelude::*;

/// Writes texts and reads them back, without the lines at which they stand.
pub(crate) fn through(
    written: &[AnnotatedText],
    format: Format,
    tokens: Tokens,
) -> Result<(Vec<AnnotatedText>, Losses), CorpusError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corpus");
    let losses = write(&path, written, format, tokens)?;
    let read: Result<Vec<_>, _> = texts(&path, format)?.map(|text| text.map(without_lines)).collect();
    Ok((read?, losses))
}

pub(crate) fn write(
    path: &Path,
    texts: &[AnnotatedText],
    format: Format,
    tokens: Tokens,
) -> Result<Losses, CorpusError> {
    let mut writer = Writer::create(path, format, WriteSettings { tokens })?;
    for text in texts {
        writer.write(text)?;
    }
    writer.finish()
}

fn without_lines(mut text: AnnotatedText) -> AnnotatedText {
    text.line = 0;
    text.mentions.iter_mut().for_each(|mention| mention.line = 0);
    text.links.iter_mut().for_each(|link| link.line = 0);
    text
}

fn words() -> impl Strategy<Value = String> {
    let character =
        any::<char>().prop_filter("fits a column", |c| !c.is_control() && !c.is_whitespace() && *c != '\u{feff}');
    let word = prop::collection::vec(prop_oneof![character, prop::char::range('a', 'z')], 1..7);
    prop::collection::vec(word.prop_map(String::from_iter), 1..9).prop_map(|words| words.join(" "))
}

/// A text with mentions, nested, overlapping and with concepts, and relations between them.
pub(crate) fn annotated() -> impl Strategy<Value = AnnotatedText> {
    let mention = (0usize..40, 1usize..15, 0usize..3, prop::option::of(0usize..3));
    (words(), prop::collection::vec(mention, 0..6), prop::collection::vec((any::<usize>(), any::<usize>()), 0..3))
        .prop_map(|(text, places, pairs)| {
            let characters: Vec<char> = text.chars().collect();
            let mut mentions: Vec<Mention> = Vec::new();
            for (start, length, label, concept) in places {
                let Some(stated) = characters.get(start..start + length) else { continue };
                mentions.push(Mention {
                    stated: Some(stated.iter().collect()),
                    concept: concept.map(|concept| format!("D{concept}")),
                    ..Mention::new(Span::new(start as u32, (start + length) as u32), format!("L{label}"))
                });
            }
            let pairs = pairs.into_iter().filter(|_| !mentions.is_empty());
            let count = mentions.len().max(1);
            let links = pairs.map(|(head, tail)| Link::between(head % count, tail % count, "R")).collect();
            AnnotatedText { id: "7".into(), text, mentions, links, ..AnnotatedText::default() }
        })
}

/// Checks that writing loses `kept`'s difference and nothing else.
fn check(text: AnnotatedText, format: Format, expected: AnnotatedText) -> Result<(), TestCaseError> {
    let (read, _) = through(&[text], format, Tokens::Words).unwrap();
    prop_assert_eq!(read, vec![expected]);
    Ok(())
}

proptest! {
    // Each case writes files.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pubtator(mut text in annotated(), body in words()) {
        // The format relates concepts.
        text.links = vec![Link { head: Argument::Concept("D1".into()), tail: Argument::Concept("D2".into()), ..Link::between(0, 0, "CID") }];
        let title = std::mem::take(&mut text.text);
        text.push_passage("title", &title);
        text.push_passage("abstract", &body);
        check(text.clone(), Format::PubTator, text)?;
    }

    #[test]
    fn plain_text(text in annotated()) {
        let expected = AnnotatedText { mentions: Vec::new(), links: Vec::new(), line: 0, ..text.clone() };
        check(text, Format::Text, expected)?;
    }

    /// The family of IOB keeps mentions that do not overlap, on its own tokens.
    #[test]
    fn iob_family(mut text in annotated()) {
        text.links.clear();
        let mut end = 0;
        text.mentions.sort_by_key(|mention| mention.fragments[0]);
        text.mentions.retain(|mention| {
            let free = mention.fragments[0].start >= end && !mention.stated.as_ref().unwrap().contains(' ');
            end = if free { mention.fragments[0].end } else { end };
            free
        });
        for format in [Format::Iob, Format::Iob1, Format::Bioes, Format::Conll] {
            let (first, losses) = through(&[text.clone()], format, Tokens::WhiteSpace).unwrap();
            prop_assert!(losses.iter().all(|(loss, _)| loss == clinsynth_corpora::Loss::Concept));
            let stated = |mention: &Mention, of: &AnnotatedText| -> String {
                let span = mention.fragments[0];
                of.text.chars().skip(span.start as usize).take(span.len() as usize).collect()
            };
            let found: Vec<_> = first[0].mentions.iter().map(|mention| (mention.label.clone(), stated(mention, &first[0]))).collect();
            let expected: Vec<_> = text.mentions.iter().map(|mention| (mention.label.clone(), stated(mention, &text))).collect();
            prop_assert_eq!(found, expected);
            // What was read from tokens comes back as it is.
            let (second, _) = through(&first, format, Tokens::Words).unwrap();
            prop_assert_eq!(second, first);
        }
    }

    #[test]
    fn masked_relations(before in words(), between in words(), label in "[A-Z]{1,5}") {
        let text = format!("{before} x {between} y");
        let length = text.chars().count() as u32;
        let head = Mention::new(Span::new(before.chars().count() as u32 + 1, before.chars().count() as u32 + 2), "Gene");
        let tail = Mention::new(Span::new(length - 1, length), "Disease");
        let links = vec![Link::between(0, 1, label.clone())];
        let written = AnnotatedText { id: "3".into(), text, mentions: vec![head, tail], links, ..AnnotatedText::default() };
        let (read, losses) = through(&[written], Format::Relations, Tokens::Words).unwrap();
        prop_assert!(losses.is_empty());
        prop_assert_eq!(&read[0].text, &format!("{before} @GENE$ {between} @DISEASE$"));
        // Words may hold masks of their own; the pair is among the first then only if it stands first.
        prop_assume!(!before.contains('@') && !between.contains('@'));
        prop_assert_eq!(&read[0].links, &vec![Link::between(0, 1, label)]);
        prop_assert_eq!(through(&read, Format::Relations, Tokens::Words).unwrap().0, read);
    }
}

#[test]
fn nested_mentions_give_way_to_the_longest_in_iob() {
    let mention = |start, end, label: &str| Mention::new(Span::new(start, end), label);
    let text = AnnotatedText {
        id: "1".into(),
        text: "breast and ovarian cancer\nnone".into(),
        mentions: vec![
            mention(0, 6, "Part"),
            mention(0, 25, "Disease"),
            mention(11, 18, "Part"),
            mention(19, 30, "Over"),
        ],
        ..AnnotatedText::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.tsv");
    let losses = write(&path, &[text], Format::Bioes, Tokens::Words).unwrap();
    let expected =
        "-DOCSTART-\tO\n\nbreast\tB-Disease\nand\tI-Disease\novarian\tI-Disease\ncancer\tE-Disease\n\nnone\tO\n\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(losses.iter().collect::<Vec<_>>(), [(clinsynth_corpora::Loss::Overlap, 3)]);
}

#[test]
fn words_are_cut_at_the_borders_of_mentions() {
    let text = AnnotatedText {
        id: "1".into(),
        text: "antihypertensive".into(),
        mentions: vec![Mention::new(Span::new(4, 16), "Disease")],
        ..AnnotatedText::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.tsv");
    assert!(write(&path, &[text], Format::Iob, Tokens::Words).unwrap().is_empty());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "anti\tO\nhypertensive\tB-Disease\n\n");
}
