//! Strategies through the real binary, against a server that reads prompts as a model would.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::chat_server::Server;
use crate::workplace::{DISEASES, Workplace};

/// Proposes instructions, marks the diseases in a text, or writes sentences, whichever is asked for.
fn model(prompt: &str) -> (String, String) {
    if let Some(text) = prompt.strip_prefix("Mark: ") {
        let found = DISEASES.iter().filter(|disease| text.contains(*disease));
        let entities: Vec<_> = found.map(|disease| json!({ "text": disease, "type": "Disease" })).collect();
        // It overlooks one disease, as models do.
        let entities: Vec<_> = entities.into_iter().filter(|entity| entity["text"] != "gout").collect();
        return ("mark".to_owned(), json!({ "entities": entities }).to_string());
    }
    if prompt.starts_with("Propose") {
        let prompts = ["Be terse.", "Be like a case report: the patient was seen for"];
        return ("propose".to_owned(), json!({ "prompts": prompts }).to_string());
    }
    let text = |number: usize| {
        if prompt.contains("case report") {
            format!("Case {number} of topic 9: the patient was seen for asthma in week {number}.")
        } else {
            format!("Asthma, {number}.")
        }
    };
    let entity = |text: &str| if text.contains("asthma") { "asthma" } else { "Asthma" };
    let example = |number: usize| {
        let text = text(number);
        json!({ "text": text, "entities": [{ "text": entity(&text), "type": "Disease" }] })
    };
    ("write".to_owned(), json!({ "examples": [example(1), example(2)] }).to_string())
}

/// The small job with an endpoint, and these steps behind its held-out set.
fn asking(server: &Server, steps: &str) -> Workplace {
    let place = Workplace::new();
    let endpoint = format!("endpoints: {{local: {{base-url: 'http://{}/v1', model: m}}}}\nsteps:\n", server.address);
    place.edit("steps:\n", &endpoint);
    let text = fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    let (head, _) = text.split_once("  curate:\n").unwrap();
    place.write("pipeline.yaml", &format!("{head}{steps}"));
    place
}

#[test]
fn a_model_asked_directly_is_scored_as_a_tagger_is() {
    let server = Server::start(model, Duration::ZERO);
    let steps = "  extract: {uses: generate, needs: [heldout], with: {task: ner, mode: extract, template: mark.md.j2, \
                 votes: 2, provider: local}}\n  evaluate: {uses: evaluate, needs: [heldout, extract], with: {resamples: 9}}\n  \
                 report: {uses: report, needs: [heldout, extract, evaluate]}\n";
    let place = asking(&server, steps);
    place.write("mark.md.j2", "--- user\nMark: {{ text }}\n");
    // 2 of the 16 sentences are about gout: all that is found is right, and 14 of 16 are found.
    place.run().check(0, &["0 failed", "100.0", "87.5", "93.3"]);
    // Two votes on each of 16 sentences.
    assert_eq!(server.answered(), [("mark".to_owned(), 32)].into());
    place.run().check(0, &["0 failed"]);
    assert_eq!(server.total(), 32, "nothing is asked twice");
}

#[test]
fn a_search_ends_in_examples_by_the_best_prompt_and_a_report_of_all() {
    let server = Server::start(model, Duration::ZERO);
    let steps = "  again: {uses: generate, needs: [heldout], with: {task: ner, mode: search, template: write.md.j2, \
                 search-template: propose.md.j2, rounds: 2, candidates: 2, trial-examples: 2, seeds: ner.tsv, requests: 1, \
                 provider: local}}\n  report: {uses: report, needs: [heldout, again]}\n";
    let place = asking(&server, steps);
    place.write(
        "propose.md.j2",
        "--- user\nPropose {{ count }}{% for trial in tried %}; {{ trial.score }}{% endfor %}\n",
    );
    place.write("write.md.j2", "--- user\n{{ instructions }} Write {{ count }} on {{ topic }}.\n");
    place.run().check(0, &["0 failed"]);
    // The second round proposes the same again, which is answered from the cache; the last request asks for 4 and not for 2.
    assert_eq!(server.answered(), [("propose".to_owned(), 2), ("write".to_owned(), 3)].into());
    let report = fs::read_to_string(place.output("report", "report.html")).unwrap();
    for part in ["prompt 1 of round 1", "prompt 2 of round 2", "Be terse.", "likeness"] {
        assert!(report.contains(part), "`{part}` is not in the report");
    }
}
