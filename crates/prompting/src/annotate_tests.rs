//! Votes on given texts, over sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clinsynth_contract::{Entity, Example, Origin, Prompt, Provenance, Relation, Sensitivity, Span};
use serde_json::{Value, json};

use crate::test_server::{Reply, Seen, Server};
use crate::{
    Agreement, Answers, Backend, Connections, Endpoint, GenerateSettings, JsonMode, Label, Labelling, Parameters,
    PromptingError, Task, Template, Voted, Voting, annotate, clear, complete,
};

fn settings(task: Task, relations: &[&str]) -> GenerateSettings {
    let labels = |names: &[&str]| names.iter().map(|name| Label::new(*name, "")).collect();
    GenerateSettings {
        labelling: Labelling { task, labels: labels(&["Gene", "Disease"]), relations: labels(relations) },
        parameters: Parameters { model: "m".into(), ..Parameters::default() },
        sensitivity: Sensitivity::Restricted,
        ..GenerateSettings::default()
    }
}

/// ` FTO in gout` with its gene, a text of one word with its disease, and a blank one.
fn texts() -> Vec<Example> {
    let example = |id: &str, text: &str, entities: Vec<Entity>| Example {
        id: id.into(),
        document: "d".into(),
        text: text.into(),
        entities,
        provenance: Provenance { origin: Origin::Human, topic: Some("t".into()), ..Provenance::default() },
        sensitivity: Sensitivity::Restricted,
        ..Example::default()
    };
    let gene = Entity { concept: Some("G:1".into()), ..Entity::new(Span::new(1, 4), "Gene") };
    vec![
        example("a", " FTO in gout", vec![gene]),
        example("b", "flu", vec![Entity::new(Span::new(0, 3), "Disease")]),
        example("c", " ", Vec::new()),
    ]
}

const TEMPLATE: &str = "--- user\n{{ text }}{% for mention in mentions %};{{ mention.number }} {{ mention.text }} \
                        {{ mention.label }}{% endfor %}{% for pair in pairs %};{{ pair.number }} {{ pair.head }} \
                        {{ pair.tail }} {{ pair.relation }}{% endfor %}";

fn run(server: &Server, cache: &Path, texts: &[Example], settings: &GenerateSettings, voting: Voting) -> Voted {
    let mut endpoint = Endpoint::new("test", server.base_url());
    endpoint.json_mode = JsonMode::PromptOnly;
    endpoint.concurrency = 1;
    let backend = Backend::Live(endpoint);
    let template = Template::parse("t.md.j2", TEMPLATE).unwrap();
    let mut ask = |prompts: Vec<Prompt>, settings: &GenerateSettings| -> Result<Answers, PromptingError> {
        let cancel = AtomicBool::new(false);
        let mut connections = Connections { cache, cancel: &cancel, observer: &mut |_| {} };
        complete(&clear(prompts, &backend)?, &backend, settings, &mut connections)
    };
    annotate(&template, texts, settings, voting, &backend, &mut ask).unwrap()
}

fn run_once(server: &Server, texts: &[Example], settings: &GenerateSettings, voting: Voting) -> Voted {
    let folder = tempfile::tempdir().unwrap();
    run(server, &folder.path().join("requests.sqlite"), texts, settings, voting)
}

fn voting(votes: u32, agreement: Agreement, own_vote: bool) -> Voting {
    Voting { votes, agreement, own_vote, repair: false }
}

/// Each example as `id: start-end|label …; relation`.
fn shown(voted: &Voted) -> Vec<String> {
    let mention = |entity: &Entity| format!(" {}-{}|{}", entity.start, entity.end, entity.label);
    let all = voted.examples.iter().map(|example| {
        let mentions: String = example.entities.iter().map(mention).collect();
        let relations: Vec<&str> = example.relations.iter().map(|relation| relation.label.as_str()).collect();
        let relations = if relations.is_empty() { String::new() } else { format!("; {}", relations.join(" ")) };
        format!("{}:{mentions}{relations}", example.id)
    });
    all.collect()
}

/// Scores of each text's mentions, in thirds.
fn thirds(voted: &Voted) -> Vec<Vec<f32>> {
    let scores =
        |row: &clinsynth_contract::Prediction| row.spans.iter().map(|span| (span.score * 3.0).round()).collect();
    voted.predictions.iter().map(scores).collect()
}

fn details(voted: &Voted) -> Vec<(&str, &str)> {
    voted.quarantined.iter().map(|row| (row.reason.as_str(), row.detail.as_str())).collect()
}

fn about(seen: &Seen) -> String {
    seen.body["messages"][0]["content"].as_str().unwrap().to_owned()
}

fn entities(of: &[(&str, &str)]) -> Reply {
    let entities: Vec<Value> = of.iter().map(|(text, label)| json!({ "text": text, "type": label })).collect();
    Reply::chat(&json!({ "entities": entities }).to_string())
}

/// The gene by two of three votes, the disease by all; of the word nothing but a broken answer.
fn labeller(number: usize, seen: &Seen) -> Reply {
    match (about(seen).starts_with("flu"), number) {
        (true, _) => Reply::chat(r#"{"entities": [{"te"#),
        (false, 0) => entities(&[("gout", "disease")]),
        (false, _) => entities(&[("FTO", "Gene"), ("gout", "Disease")]),
    }
}

#[test]
fn extraction_counts_votes_and_leaves_own_labels_out_of_it() {
    let server = Server::start(labeller);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let settings = settings(Task::Extract, &[]);
    let majority = run(&server, &cache, &texts(), &settings, voting(3, Agreement::Majority, false));
    assert_eq!(shown(&majority), ["a: 1-4|Gene 8-12|Disease", "c:"]);
    assert_eq!(thirds(&majority), [vec![2.0, 3.0], vec![], vec![]]);
    let ids: Vec<&str> = majority.predictions.iter().map(|row| row.example.as_str()).collect();
    assert_eq!(
        ids,
        ["a", "b", "c"],
        "a text without a vote has a row, so that it counts as one where nothing was found"
    );
    let cut = ("truncated_json", crate::Reason::TruncatedJson.meaning());
    assert_eq!(details(&majority), [cut, cut, cut, ("no_vote", "no completion about the text could be read")]);
    let first = &majority.examples[0];
    assert_eq!((first.document.as_str(), first.sensitivity), ("d", Sensitivity::Restricted));
    assert_eq!(first.entities[0].concept.as_deref(), Some("G:1"), "a mention that stays keeps its concept");
    let Provenance { origin, model, request, topic, .. } = &first.provenance;
    assert_eq!((*origin, model.as_deref(), topic.as_deref()), (Origin::Llm, Some("m"), Some("t")));
    assert!(request.as_ref().unwrap().starts_with("extract-"), "{request:?}");
    assert_eq!(server.seen().len(), 6);

    // Nothing is asked again, whatever the votes are then counted by.
    let unanimous = run(&server, &cache, &texts(), &settings, voting(3, Agreement::Unanimous, false));
    assert_eq!(shown(&unanimous), ["a: 8-12|Disease", "c:"]);
    assert_eq!(details(&unanimous)[3], ("outvoted", "mention `FTO` (Gene) got 2 of 3 votes"));
    assert_eq!(server.seen().len(), 6);
}

#[test]
fn a_second_annotation_adds_the_own_labels_as_a_vote() {
    let server = Server::start(|_, _| entities(&[("gout", "Disease")]));
    let texts = &texts()[..1];
    let settings = settings(Task::Extract, &[]);
    let intersection = run_once(&server, texts, &settings, voting(1, Agreement::Unanimous, true));
    assert_eq!(shown(&intersection), ["a:"]);
    let words = ["mention `FTO` (Gene) got 1 of 2 votes", "mention `gout` (Disease) got 1 of 2 votes"];
    assert_eq!(details(&intersection), words.map(|words| ("outvoted", words)));
    let majority = run_once(&server, texts, &settings, voting(2, Agreement::Majority, true));
    assert_eq!((shown(&majority), thirds(&majority)), (vec!["a: 8-12|Disease".to_owned()], vec![vec![2.0]]));
}

#[test]
fn a_faulty_annotation_is_repaired_as_a_whole() {
    let server = Server::start(|_, seen| match seen.body["messages"].as_array().unwrap().len() {
        1 => entities(&[("FTO", "Gene"), ("ague", "Disease")]),
        _ => entities(&[("FTO", "Gene"), ("gout", "Disease")]),
    });
    let voting = Voting { repair: true, ..voting(1, Agreement::Majority, false) };
    let voted = run_once(&server, &texts()[..1], &settings(Task::Extract, &[]), voting);
    assert_eq!(shown(&voted), ["a: 1-4|Gene 8-12|Disease"]);
    let complaint = server.seen()[1].body["messages"][2]["content"].as_str().unwrap().to_owned();
    assert!(complaint.contains("`ague`") && complaint.contains("the whole answer again"), "{complaint}");
}

#[test]
fn verification_keeps_what_enough_votes_confirm() {
    let server = Server::start(|number, seen| {
        let about = about(seen);
        assert!(about.ends_with(";1 FTO Gene") || about.ends_with(";1 flu Disease"), "{about}");
        let right = about.starts_with("flu") || number == 0;
        Reply::chat(&json!({ "verdicts": [{ "number": 1, "right": right }] }).to_string())
    });
    let voted = run_once(&server, &texts(), &settings(Task::Verify, &[]), voting(3, Agreement::Majority, false));
    assert_eq!(shown(&voted), ["a:", "b: 0-3|Disease", "c:"]);
    assert_eq!(details(&voted), [("outvoted", "mention `FTO` (Gene) got 1 of 3 votes")]);
    assert_eq!(thirds(&voted), [vec![], vec![3.0], vec![]]);
    assert_eq!(voted.examples[1].provenance.origin, Origin::Human, "a verified text stays whose it was");
    assert_eq!(server.seen().len(), 6, "nothing is asked about a text without a mention");
}

#[test]
fn pairs_are_labelled_and_verified_by_the_same_votes() {
    let mut text = texts().remove(0);
    text.entities.push(Entity::new(Span::new(8, 12), "Disease"));
    text.relations = vec![Relation { head: 0, tail: 1, label: "none".into() }];
    let relations = ["positive", "none"];
    let server = Server::start(|number, seen| {
        assert!(about(seen).ends_with(";1 FTO gout none"));
        let relation = if number == 0 { "none" } else { "Positive" };
        Reply::chat(&json!({ "verdicts": [{ "number": 1, "relation": relation }] }).to_string())
    });
    let texts = [text];
    let labelled =
        run_once(&server, &texts, &settings(Task::Extract, &relations), voting(3, Agreement::Majority, false));
    assert_eq!(shown(&labelled), ["a: 1-4|Gene 8-12|Disease; positive"]);
    assert_eq!(details(&labelled), [("outvoted", "relation `none` got 1 of 3 votes")]);
    let [row] = &labelled.predictions[..] else { panic!("one text") };
    let judged: Vec<_> = row.relations.iter().map(|pair| (pair.head, pair.tail, pair.label.as_str())).collect();
    assert_eq!((judged, row.spans.len()), (vec![(0, 1, "positive")], 2));
    assert!((row.relations[0].score - 2.0 / 3.0).abs() < 1e-6);

    let server = Server::start(|_, _| Reply::chat(r#"[{"number": 1, "right": "no"}]"#));
    let refused = run_once(&server, &texts, &settings(Task::Verify, &relations), voting(1, Agreement::Majority, false));
    assert_eq!((shown(&refused), details(&refused)), (vec![], vec![("outvoted", "relation `none` got 0 of 1 votes")]));
}
