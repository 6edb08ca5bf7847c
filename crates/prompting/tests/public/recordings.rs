//! The shipped seeds, templates and recordings fit together, and no row is lost.

use std::collections::BTreeMap;

use clinsynth_contract::{CharOffsets, Table};
use clinsynth_prompting::{Backend, ParseSettings, Parsed, Reason, Recordings, Task, parse};

use crate::{ask, repository, settings, shipped_prompts};

fn replay(name: &str, task: Task) -> Parsed {
    let settings = settings(task, "claude");
    let prompts = shipped_prompts(name, &settings);
    let recordings = Recordings::read(&repository(&format!("recordings/{name}.jsonl"))).unwrap();
    assert_eq!(prompts.len(), recordings.recordings().len());
    let answers = ask(&prompts, &Backend::Replay(recordings.clone()), &settings).unwrap();
    assert_eq!(answers.quarantined, []);
    assert_eq!(answers.egress, []);
    let texts = |row: &clinsynth_prompting::Recording| row.completion.clone();
    let in_order: Vec<String> = recordings.recordings().iter().map(texts).collect();
    assert_eq!(answers.completions.iter().map(|row| row.text.clone()).collect::<Vec<_>>(), in_order);
    Table::from_rows(prompts.clone()).unwrap();
    parse(&answers.completions, &prompts, &ParseSettings::new(settings.labelling)).unwrap()
}

/// Examples, quarantined rows, mentions by label and relations by label.
fn check(name: &str, task: Task, examples: usize, mentions: &[(&str, usize)], relations: &[(&str, usize)]) {
    let parsed = replay(name, task);
    assert_eq!(parsed.quarantined, []);
    assert_eq!(parsed.examples.len(), examples);
    let mut entity_counts = BTreeMap::new();
    let mut relation_counts = BTreeMap::new();
    for example in &parsed.examples {
        let offsets = CharOffsets::new(&example.text);
        for entity in &example.entities {
            let text = offsets.slice(entity.span()).unwrap();
            assert_eq!(text.trim(), text, "{}", example.id);
            *entity_counts.entry(entity.label.as_str()).or_default() += 1;
        }
        assert!(example.entities.windows(2).all(|pair| pair[0].end <= pair[1].start), "{}", example.id);
        for relation in &example.relations {
            let ends = [relation.head, relation.tail].map(|index| example.entities[index as usize].label.as_str());
            assert_eq!(ends, ["Gene", "Disease"], "{}", example.id);
            *relation_counts.entry(relation.label.as_str()).or_default() += 1;
        }
        let provenance = &example.provenance;
        assert_eq!(provenance.model.as_deref(), Some("claude"));
        assert_eq!(provenance.request.as_deref(), Some(example.document.as_str()));
        assert!(provenance.topic.is_some() && provenance.style.is_some() && provenance.prompt.is_some());
    }
    assert_eq!(entity_counts, mentions.iter().copied().collect(), "{name}");
    assert_eq!(relation_counts, relations.iter().copied().collect(), "{name}");
    Table::from_rows(parsed.examples).unwrap();
}

#[test]
fn every_recorded_mention_is_aligned() {
    check("ner", Task::Ner, 3300, &[("Disease", 6000), ("Chemical", 2687)], &[]);
    check("ner-heldout", Task::Ner, 300, &[("Disease", 449), ("Chemical", 179)], &[]);
}

#[test]
fn every_recorded_pair_is_aligned() {
    let relations = [("positive", 456), ("negative", 249), ("none", 471)];
    check("re", Task::Re, 1176, &[("Gene", 1176), ("Disease", 1176)], &relations);
    let relations = [("positive", 48), ("negative", 32), ("none", 88)];
    check("re-heldout", Task::Re, 168, &[("Gene", 168), ("Disease", 168)], &relations);
}

#[test]
fn the_one_recorded_doubt_is_reported_and_resolved_by_order() {
    // The mention stands after another one, so it is the substance and not the enzyme's name before both.
    let parsed = replay("ner", Task::Ner);
    let [warning] = &parsed.warnings[..] else { panic!("{:?}", parsed.warnings) };
    assert_eq!(
        (warning.reason, warning.detail.as_str()),
        (Reason::AmbiguousMention, "mention `fumarate` was listed 1×, and occurs 1× more",)
    );
    let example = parsed.examples.iter().find(|example| example.id == warning.id).unwrap();
    assert!(example.text.starts_with("Germline fumarate hydratase mutations"));
    assert!(example.entities.iter().all(|entity| entity.start > 40));
}

#[test]
fn shipped_templates_say_what_is_asked() {
    let check = |task: Task, labels: &str, user: &str| {
        let prompt = shipped_prompts(task.name(), &settings(task, "claude")).remove(0);
        let roles: Vec<&str> = prompt.messages.iter().map(|message| message.role.as_str()).collect();
        assert_eq!(roles, ["system", "user"]);
        assert!(prompt.messages[0].content.contains(labels), "{}", prompt.messages[0].content);
        assert_eq!(prompt.messages[1].content, user);
    };
    check(
        Task::Ner,
        "\nLabels:\n- Disease: what is a Disease\n- Chemical: what is a Chemical\n\nRules",
        "Write 10 sentences.\nTopic: BRCA1/BRCA2 and hereditary breast-ovarian cancer\nStyle: research abstract (genetics)",
    );
    check(
        Task::Re,
        "\nRelations:\n- positive: what is a positive\n- negative: what is a negative\n- none: what is a none\n\nRules",
        "Write 12 sentences.\nTopic: ACE insertion/deletion and cardiovascular disease\n\
         Style: genetic association study abstract",
    );
}
