//! The formats with structure: round trips of what each can hold, and files as others write them.

use clinsynth_contract::{Relation, Span};
use clinsynth_corpora::{
    AnnotatedText, Argument, Discontinuous, Format, Link, Loss, Mention, ReadSettings, Tokens, read, texts,
};
use proptest::prelude::*;

use crate::round_trip::{annotated, through, write};
use crate::{entity_lines, reasons, settings};

fn check(written: &AnnotatedText, format: Format, expected: &AnnotatedText) -> Result<(), TestCaseError> {
    let (read, losses) = through(std::slice::from_ref(written), format, Tokens::Words).unwrap();
    prop_assert_eq!(read, vec![expected.clone()], "{}", format);
    prop_assert!(losses.is_empty(), "{} {:?}", format, losses);
    Ok(())
}

fn number(mut text: AnnotatedText, first: &str, relation: &str) -> AnnotatedText {
    for (index, mention) in text.mentions.iter_mut().enumerate() {
        mention.id = Some(format!("{first}{}", index + 1));
    }
    for (index, link) in text.links.iter_mut().enumerate() {
        link.id = Some(format!("{relation}{}", index + 1));
    }
    text
}

/// Splits every mention of three characters or more in two pieces.
fn broken(mut text: AnnotatedText) -> AnnotatedText {
    let characters: Vec<char> = text.text.chars().collect();
    for mention in &mut text.mentions {
        let Span { start, end } = mention.fragments[0];
        if end - start >= 3 {
            mention.fragments = vec![Span::new(start, start + 1), Span::new(end - 1, end)];
            mention.stated = Some(format!("{} {}", characters[start as usize], characters[end as usize - 1]));
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// BioC holds everything: passages, gaps, concepts, relations of mentions and of concepts, properties.
    #[test]
    fn bioc(text in annotated(), title in "[a-z<&\"' ]{0,9}", gaps in any::<bool>()) {
        let text = number(if gaps { broken(text) } else { text }, "", "R");
        let mut whole = AnnotatedText { id: text.id.clone(), ..AnnotatedText::default() };
        let shift = whole.push_passage("title", &title).end;
        whole.push_passage("abstract", &text.text);
        whole.passages[1].properties = vec![("section".into(), "A & <B>".into())];
        whole.mentions = text.mentions;
        for mention in &mut whole.mentions {
            mention.fragments.iter_mut().for_each(|span| *span = Span::new(span.start + shift + 1, span.end + shift + 1));
            mention.properties = vec![("note".into(), "\"quoted\"\n\ttwice".into())];
        }
        whole.links = text.links;
        whole.links.push(Link {
            id: Some("R9".into()),
            head: Argument::Concept("D1".into()),
            tail: Argument::Concept("D2".into()),
            ..Link::between(0, 0, "CID")
        });
        check(&whole, Format::BiocXml, &whole)?;
        check(&whole, Format::BiocJson, &whole)?;
    }

    #[test]
    fn brat(text in annotated(), gaps in any::<bool>()) {
        let mut text = number(if gaps { broken(text) } else { text }, "T", "R");
        for mention in &mut text.mentions {
            mention.properties = vec![("Negation".into(), String::new()), ("note".into(), "see above".into())];
        }
        check(&text, Format::Brat, &text)?;
    }

    #[test]
    fn doccano(text in annotated()) {
        let mut text = number(text, "", "");
        text.mentions.iter_mut().for_each(|mention| mention.stated = None);
        check(&text, Format::Doccano, &text)?;
    }

    #[test]
    fn prodigy(mut text in annotated()) {
        text.mentions.iter_mut().for_each(|mention| mention.stated = None);
        // A relation names its mentions by place and label, so equal ones are the first.
        let same = |a: &Mention, b: &Mention| a.fragments == b.fragments && a.label == b.label;
        let first = |mentions: &[Mention], index: usize| mentions.iter().position(|mention| same(mention, &mentions[index])).unwrap();
        let mut expected = text.clone();
        for link in &mut expected.links {
            for argument in [&mut link.head, &mut link.tail] {
                if let Argument::Mention(index) = argument {
                    *index = first(&text.mentions, *index);
                }
            }
        }
        check(&text, Format::Prodigy, &expected)?;
    }

    /// Mentions that are whole tokens of one line come back, with relations and assertions.
    #[test]
    fn i2b2(text in annotated()) {
        let mut expected = AnnotatedText { id: "7".into(), line: 0, text: text.text.replacen(' ', "\n", 1), ..AnnotatedText::default() };
        let mut start = 0;
        for (index, word) in expected.text.split(['\n', ' ']).enumerate() {
            let end = start + word.chars().count() as u32;
            let mention = Mention { stated: Some(word.to_owned()), ..Mention::new(Span::new(start, end), "problem") };
            let properties = if index == 0 { vec![("assertion".into(), "absent".into())] } else { Vec::new() };
            expected.mentions.push(Mention { properties, ..mention });
            start = end + 1;
        }
        let last = expected.mentions.len() - 1;
        expected.links = vec![Link::between(0, last, "TrIP")];
        check(&expected, Format::I2b2, &expected)?;
    }

    #[test]
    fn hugging_face(text in annotated()) {
        let (first, _) = through(&[text], Format::HuggingFace, Tokens::WhiteSpace).unwrap();
        check(&first[0], Format::HuggingFace, &first[0])?;
    }
}

/// A file of each format as other programs write it: its text, entities, relations and reasons.
fn file(name: &str, content: &str, format: Format) -> (Vec<String>, Vec<Relation>, Vec<(String, usize)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let told = read(&path, &settings()).unwrap();
    let named = read(&path, &ReadSettings { format, ..settings() }).unwrap();
    assert_eq!(told, named, "the format is told from {name}");
    let example = &named.examples[0];
    let found = reasons(&named).into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
    (entity_lines(example), example.relations.clone(), found)
}

fn relation(head: u32, tail: u32, label: &str) -> Relation {
    Relation { head, tail, label: label.into() }
}

#[test]
fn bc5cdr_in_bioc() {
    let xml = "<?xml version='1.0' encoding='UTF-8'?>\n<!DOCTYPE collection SYSTEM 'BioC.dtd'>\n<collection><source>CTD</source>\n<document><id>1</id>\n\
        <passage><infon key='type'>title</infon><offset>0</offset><text>Gout &amp; caf&#233;</text>\n\
        <annotation id='0'><infon key='type'>Disease</infon><infon key='MESH'>D006073</infon><location offset='0' length='4'/><text>Gout</text></annotation>\n\
        </passage><passage><infon key='type'>abstract</infon><offset>20</offset><text>Caffeine harms.</text>\n\
        <annotation id='1'><infon key='type'>Chemical</infon><infon key='MESH'>D002110</infon><location offset='20' length='8'/><text>Caffeine</text></annotation>\n\
        <annotation id='2'><infon key='type'>Chemical</infon><location offset='21' length='8'/><text>Caffeine</text></annotation>\n\
        </passage><relation id='R0'><infon key='relation'>CID</infon><infon key='Chemical'>D002110</infon><infon key='Disease'>D006073</infon></relation>\n\
        <relation id='R1'><infon key='relation'>CID</infon><node refid='0' role=''/><node refid='9' role=''/></relation>\
        </document></collection>\n";
    let (entities, relations, reasons) = file("c.xml", xml, Format::BiocXml);
    // Passages are one character apart here, wherever the file puts them.
    assert_eq!(entities, ["0..4 Disease Gout D006073", "12..20 Chemical Caffeine D002110"]);
    assert_eq!(relations, [relation(1, 0, "CID")]);
    assert_eq!(reasons, [("relation_mention_not_found".into(), 1), ("text_mismatch".into(), 1)]);
}

#[test]
fn pubtator3_in_json() {
    let json = r#"{"PubTator3": [{"_id": "1|None", "id": "1", "infons": {}, "passages": [{"infons": {"type": "title"}, "offset": 0, "text": "Gout", "sentences": [],
        "annotations": [{"id": "0", "infons": {"identifier": "MESH:D006073", "type": "Disease", "valid": true}, "text": "Gout", "locations": [{"offset": 0, "length": 4}]}], "relations": []}], "relations": []}]}"#;
    let (entities, ..) = file("c.json", json, Format::BiocJson);
    assert_eq!(entities, ["0..4 Disease Gout MESH:D006073"]);
}

#[test]
fn shapes_of_json_lines() {
    let check = |line: &str, format: Format, entities: &[&str], relations: &[Relation]| {
        let found = file("c.jsonl", line, format);
        assert_eq!(
            (found.0, found.1),
            (entities.iter().map(|line| (*line).to_owned()).collect(), relations.to_vec()),
            "{line}"
        );
    };
    check(
        r#"{"id": 3, "tokens": ["No", "chest", "pain"], "ner_tags": ["O", "B-Symptom", "I-Symptom"]}"#,
        Format::HuggingFace,
        &["3..13 Symptom chest pain -"],
        &[],
    );
    check(r#"{"text": "No gout", "label": [[3, 7, "Disease"]]}"#, Format::Doccano, &["3..7 Disease gout -"], &[]);
    check(
        r#"{"id": 1, "text": "é gout", "entities": [{"id": 10, "label": "X", "start_offset": 0, "end_offset": 1}, {"id": 11, "label": "Y", "start_offset": 2, "end_offset": 6}], "relations": [{"id": 1, "from_id": 11, "to_id": 10, "type": "R"}]}"#,
        Format::Doccano,
        &["0..1 X é -", "2..6 Y gout -"],
        &[relation(1, 0, "R")],
    );
    check(
        r#"{"text": "No gout", "spans": [{"start": 3, "end": 7, "label": "Disease", "kb_id": "D1"}], "answer": "accept"}"#,
        Format::Prodigy,
        &["3..7 Disease gout D1"],
        &[],
    );
    let (entities, _, reasons) = file(
        "c.jsonl",
        r#"{"text": "a", "spans": [{"start": 0, "end": 1, "label": "X"}], "answer": "reject"}"#,
        Format::Prodigy,
    );
    assert_eq!((entities, reasons), (Vec::new(), vec![("not_accepted".into(), 1)]));
}

#[test]
fn brat_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/a.txt"), "breast and\novarian cancer\n").unwrap();
    let ann = "T1\tDisease 0 6;19 25\tbreast cancer\nT2\tDisease 11 25\tovarian cancer\nT3\tDisease 7 18\tand ovarian\n\
        T4\tDisease 0 3\tovarian\nR1\tSame Arg1:T1 Arg2:T2\t\nR2\tSame Arg1:T1 Arg2:T9\nN1\tReference T2 MESH:D1\tovarian cancer\n\
        A1\tNegation T2\n#1\tAnnotatorNotes T2\tsure\n*\tEquiv T1 T2\nE1\tGrowth:T1 Theme:T2\n";
    std::fs::write(folder.path().join("sub/a.ann"), ann).unwrap();
    let check = |discontinuous, expected: &[&str], relations: &[Relation], reason: Option<&str>| {
        let corpus = read(folder.path(), &ReadSettings { discontinuous, ..settings() }).unwrap();
        assert_eq!(corpus.examples[0].id, "c:sub/a");
        assert_eq!(entity_lines(&corpus.examples[0]), expected);
        assert_eq!(corpus.examples[0].relations, relations);
        let mut expected: std::collections::BTreeMap<&str, usize> =
            [("other_annotation", 2), ("relation_mention_not_found", 1), ("text_mismatch", 1)].into();
        if let Some(reason) = reason {
            expected.insert(reason, 1);
            *expected.entry("relation_mention_not_found").or_default() += 1;
        }
        assert_eq!(reasons(&corpus), expected);
    };
    let rest = ["7..18 Disease and\novarian -", "11..25 Disease ovarian cancer MESH:D1"];
    check(
        Discontinuous::Cover,
        &["0..25 Disease breast and\novarian cancer -", rest[0], rest[1]],
        &[relation(0, 2, "Same")],
        None,
    );
    check(
        Discontinuous::Split,
        &["0..6 Disease breast -", rest[0], rest[1], "19..25 Disease cancer -"],
        &[relation(0, 2, "Same")],
        None,
    );
    check(Discontinuous::LeaveOut, &rest, &[], Some("discontinuous_mention"));
}

#[test]
fn i2b2_as_published() {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("txt/r.txt", "Admission\nHe has  no Chest pain ,\nand \"took\" aspirin .\n"),
        (
            "concept/r.con",
            "c=\"chest pain\" 2:3 2:4||t=\"problem\"\nc=\"\"took\" aspirin\" 3:1 3:2||t=\"treatment\"\nc=\"gone\" 9:0 9:0||t=\"test\"\n",
        ),
        ("rel/r.rel", "c=\"\"took\" aspirin\" 3:1 3:2||r=\"TrAP\"||c=\"chest pain\" 2:3 2:4\n"),
        ("ast/r.ast", "c=\"chest pain\" 2:3 2:4||t=\"problem\"||a=\"absent\"\n"),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let corpus = read(folder.path(), &settings()).unwrap();
    let example = &corpus.examples[0];
    assert_eq!(example.id, "c:r");
    assert_eq!(entity_lines(example), ["21..31 problem Chest pain -", "38..52 treatment \"took\" aspirin -"]);
    assert_eq!(example.relations, [relation(1, 0, "TrAP")]);
    assert_eq!(reasons(&corpus), [("span_outside", 1)].into());
    let text = texts(folder.path(), Format::I2b2).unwrap().next().unwrap().unwrap();
    assert_eq!(text.mentions[0].property("assertion"), Some("absent"));
}

#[test]
fn chemprot_as_published() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("s_abstracts.tsv", "7\tAspirin and COX\tIt inhibits.\n8\tNone\there\n"),
        ("s_entities.tsv", "7\tT1\tCHEMICAL\t0\t7\tAspirin\n7\tT2\tGENE-Y\t12\t15\tCOX\n"),
        ("s_relations.tsv", "7\tCPR:4\tY \tINHIBITOR\tArg1:T1\tArg2:T2\n7\tCPR:4\tY \tINHIBITOR\tArg1:T1\tArg2:T9\n"),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let corpus = read(folder.path(), &settings()).unwrap();
    assert_eq!(corpus.examples.len(), 2);
    assert_eq!(entity_lines(&corpus.examples[0]), ["0..7 Chemical Aspirin -", "12..15 GENE-Y COX -"]);
    assert_eq!(corpus.examples[0].relations, [relation(0, 1, "CPR:4")]);
    assert_eq!(reasons(&corpus), [("relation_mention_not_found", 1)].into());
}

#[test]
fn spacy_has_biluo_tags() {
    let text = AnnotatedText {
        id: "1".into(),
        text: "No chest pain, gout".into(),
        mentions: vec![Mention::new(Span::new(3, 13), "S"), Mention::new(Span::new(15, 19), "D")],
        links: vec![Link::between(0, 1, "R")],
        ..AnnotatedText::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    let losses = write(&path, &[text], Format::Spacy, Tokens::Words).unwrap();
    assert_eq!(losses.iter().collect::<Vec<_>>(), [(Loss::Relation, 1)]);
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let tokens = written[0]["paragraphs"][0]["sentences"][0]["tokens"].as_array().unwrap();
    let tokens: Vec<_> =
        tokens.iter().map(|token| (token["orth"].as_str().unwrap(), token["ner"].as_str().unwrap())).collect();
    assert_eq!(tokens, [("No", "O"), ("chest", "B-S"), ("pain", "L-S"), (",", "O"), ("gout", "U-D")]);
    assert_eq!(written[0]["paragraphs"][0]["raw"], "No chest pain, gout");
}
