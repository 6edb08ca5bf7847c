use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Completion, Prompt, Quarantined, Sensitivity};
use serde::{Deserialize, Serialize};

use crate::cache::answers::messages_digest;
use crate::{PromptingError, Reason, Task};

/// One recorded completion, a line of a recordings file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Name of the recording; of an answer about a given text that is all of its document, the document's identifier.
    pub id: String,
    /// Task it was asked for.
    pub task: Task,
    /// Topic it was asked for.
    #[serde(default)]
    pub topic: Option<String>,
    /// Style it was asked for.
    #[serde(default)]
    pub style: Option<String>,
    /// Examples asked for.
    pub count: u32,
    /// Model that answered.
    pub model: String,
    /// The reply as text.
    pub completion: String,
    /// Digest of the messages that it answers, where they are known: they are matched before the values above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<String>,
}

/// A prompt is answered by the recording of its very messages, or else of the same values; equal ones are answered in order.
type Key = (Task, Option<String>, Option<String>, u32);

/// Recorded completions, read from a JSON-lines file.
#[derive(Clone, Debug)]
pub struct Recordings {
    path: PathBuf,
    rows: Vec<Recording>,
    by_key: BTreeMap<Key, Vec<usize>>,
    by_messages: BTreeMap<String, Vec<usize>>,
    /// Of recordings that name neither messages nor topic.
    by_id: BTreeMap<String, Vec<usize>>,
    bad_lines: Vec<BadLine>,
}

#[derive(Clone, Debug)]
struct BadLine {
    line: usize,
    reason: Reason,
    problem: String,
    text: String,
}

impl Recordings {
    /// Reads a recordings file. A line that cannot be used is kept for quarantine; blank lines are skipped.
    ///
    /// Errors: [`PromptingError::File`]; [`PromptingError::Recordings`] when no line can be used.
    pub fn read(path: &Path) -> Result<Self, PromptingError> {
        let bytes = fs::read(path).map_err(|source| PromptingError::file("read", path, source))?;
        let mut found = Self {
            path: path.to_owned(),
            rows: Vec::new(),
            by_key: BTreeMap::new(),
            by_messages: BTreeMap::new(),
            by_id: BTreeMap::new(),
            bad_lines: Vec::new(),
        };
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match read_line(line) {
                Ok(recording) => found.add(recording),
                Err((reason, problem)) => {
                    let text = String::from_utf8_lossy(line).into_owned();
                    found.bad_lines.push(BadLine { line: index + 1, reason, problem, text });
                }
            }
        }
        if found.rows.is_empty() {
            let (line, problem) = found
                .bad_lines
                .first()
                .map_or((1, "the file is empty".to_owned()), |bad| (bad.line, bad.problem.clone()));
            return Err(PromptingError::Recordings { path: path.to_owned(), line, problem });
        }
        Ok(found)
    }

    /// The usable recordings, in the file's order.
    pub fn recordings(&self) -> &[Recording] {
        &self.rows
    }

    /// Whether a recording answers these very messages.
    pub(crate) fn answers_exactly(&self, prompt: &Prompt) -> bool {
        !self.by_messages.is_empty() && self.by_messages.contains_key(&messages_digest(&prompt.messages))
    }

    fn add(&mut self, recording: Recording) {
        let key = (recording.task, recording.topic.clone(), recording.style.clone(), recording.count);
        self.by_key.entry(key).or_default().push(self.rows.len());
        if let Some(messages) = &recording.messages {
            self.by_messages.entry(messages.clone()).or_default().push(self.rows.len());
        } else if recording.topic.is_none() {
            self.by_id.entry(recording.id.clone()).or_default().push(self.rows.len());
        }
        self.rows.push(recording);
    }

    /// The completion for each prompt, in order, and what is quarantined: unusable lines, and prompts that no recording
    /// answers.
    pub(crate) fn answer(&self, prompts: &[Prompt], task: Task) -> (Vec<Completion>, Vec<Quarantined>) {
        let mut quarantined: Vec<Quarantined> = self.bad_lines.iter().map(|bad| self.bad_line_row(bad)).collect();
        let mut completions = Vec::new();
        for (prompt, found) in prompts.iter().zip(self.matches(prompts, task)) {
            match found {
                Some(index) => completions.push(replayed(prompt, &self.rows[index])),
                None => quarantined.push(self.no_recording_row(prompt, task)),
            }
        }
        (completions, quarantined)
    }

    /// The recording of each prompt, none of them twice: first by messages, then by values, so that a prompt whose messages
    /// were never recorded takes no other prompt's recording.
    fn matches(&self, prompts: &[Prompt], task: Task) -> Vec<Option<usize>> {
        let mut free = vec![true; self.rows.len()];
        let mut take = |candidates: Option<&Vec<usize>>| {
            let found = candidates?.iter().copied().find(|&index| free[index])?;
            free[found] = false;
            Some(found)
        };
        let by_messages = |prompt: &Prompt| {
            // Most recordings carry no digests, and then none need be made.
            let known = !self.by_messages.is_empty();
            known.then(|| self.by_messages.get(&messages_digest(&prompt.messages))).flatten()
        };
        let mut found: Vec<Option<usize>> = prompts.iter().map(|prompt| take(by_messages(prompt))).collect();
        for (prompt, found) in prompts.iter().zip(&mut found) {
            // The same values may belong to any text: an answer about a text is its own alone.
            let others = match task {
                Task::Ner | Task::Re => self.by_key.get(&key(prompt, task)),
                Task::Extract | Task::Verify => self.about(prompt.topic.as_deref().unwrap_or_default()),
                Task::Propose => None,
            };
            *found = found.or_else(|| take(others));
        }
        found
    }

    /// Recordings about a document, whose identifier may stand behind its file's name.
    fn about(&self, document: &str) -> Option<&Vec<usize>> {
        let own = document.rsplit(':').next().unwrap_or_default();
        self.by_id.get(document).or_else(|| self.by_id.get(own))
    }

    fn bad_line_row(&self, bad: &BadLine) -> Quarantined {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{file}:{}", bad.line);
        // Recordings are what a language model wrote.
        bad.reason.row(&place, format!("{place}: {}", bad.problem), None, &bad.text, Sensitivity::Synthetic)
    }

    fn no_recording_row(&self, prompt: &Prompt, task: Task) -> Quarantined {
        let recorded = self.by_key.get(&key(prompt, task)).map_or(0, Vec::len);
        let detail = format!(
            "`{}` holds {} for task `{}`, topic `{}`, style `{}`, count {}",
            self.path.file_name().unwrap_or_default().to_string_lossy(),
            if recorded == 0 { "no completion".to_owned() } else { format!("only {recorded} completions") },
            task.name(),
            prompt.topic.as_deref().unwrap_or_default(),
            prompt.style.as_deref().unwrap_or_default(),
            prompt.count,
        );
        Reason::NoRecording.row(&prompt.request, detail, Some(&prompt.request), "", prompt.sensitivity)
    }
}

fn key(prompt: &Prompt, task: Task) -> Key {
    (task, prompt.topic.clone(), prompt.style.clone(), prompt.count)
}

fn read_line(line: &[u8]) -> Result<Recording, (Reason, String)> {
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| (Reason::RecordingNotJson, format!("not JSON: {error}")))?;
    serde_json::from_value(value).map_err(|error| (Reason::RecordingIncomplete, error.to_string()))
}

fn replayed(prompt: &Prompt, recording: &Recording) -> Completion {
    Completion {
        request: prompt.request.clone(),
        sample: 0,
        digest: prompt.digest.clone(),
        model: recording.model.clone(),
        endpoint: "replay".to_owned(),
        text: recording.completion.clone(),
        finish_reason: None,
        prompt_tokens: None,
        completion_tokens: None,
        sensitivity: prompt.sensitivity.max(Sensitivity::Synthetic),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Recordings, PromptingError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        fs::write(&path, text).unwrap();
        Recordings::read(&path)
    }

    fn line(id: &str, topic: &str, completion: &str) -> String {
        format!(
            r#"{{"id":"{id}","task":"ner","topic":"{topic}","style":"note","count":2,"model":"claude","completion":"{completion}"}}"#
        )
    }

    fn prompt(request: &str, topic: &str) -> Prompt {
        Prompt {
            request: request.into(),
            topic: Some(topic.into()),
            style: Some("note".into()),
            count: 2,
            sensitivity: Sensitivity::Public,
            ..Prompt::default()
        }
    }

    #[test]
    fn answers_in_order_and_quarantines_the_rest() {
        let text = format!(
            "{}\nnonsense\n\n{}\n{{\"id\":\"x\"}}\n{}",
            line("a", "gout", "one"),
            line("b", "gout", "two"),
            line("c", "asthma", "three"),
        );
        let recordings = read(&text).unwrap();
        let prompts = ["gout", "asthma", "gout", "gout", "flu"]
            .iter()
            .enumerate()
            .map(|(index, topic)| prompt(&format!("q{index}"), topic))
            .collect::<Vec<_>>();
        let (completions, quarantined) = recordings.answer(&prompts, Task::Ner);
        let answered: Vec<_> = completions.iter().map(|row| (row.request.as_str(), row.text.as_str())).collect();
        assert_eq!(answered, [("q0", "one"), ("q1", "three"), ("q2", "two")]);
        assert!(completions.iter().all(|row| row.endpoint == "replay" && row.sensitivity == Sensitivity::Synthetic));
        let set_aside: Vec<_> = quarantined.iter().map(|row| (row.id.as_str(), row.reason.as_str())).collect();
        assert_eq!(
            set_aside,
            [
                ("r.jsonl:2", "recording_not_json"),
                ("r.jsonl:5", "recording_incomplete"),
                ("q3", "no_recording"),
                ("q4", "no_recording"),
            ]
        );
        assert_eq!(quarantined[1].detail, "r.jsonl:5: missing field `task`");
        assert_eq!(
            quarantined[2].detail,
            "`r.jsonl` holds only 2 completions for task `ner`, topic `gout`, style `note`, count 2"
        );
        assert_eq!(recordings.answer(&prompts[..1], Task::Re).1[2].reason, "no_recording");
    }

    #[test]
    fn an_answer_about_a_document_is_found_by_its_identifier() {
        let line = |id: &str| format!(r#"{{"id":"{id}","task":"extract","count":1,"model":"m","completion":"{id}"}}"#);
        let recordings = read(&format!("{}\n{}", line("17"), line("4"))).unwrap();
        let prompts = ["4", "9", "corpus:17", "17"].map(|document| prompt(document, document));
        let (completions, quarantined) = recordings.answer(&prompts, Task::Extract);
        assert_eq!(completions.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["4", "17"]);
        assert_eq!(quarantined.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["9", "17"]);
    }

    #[test]
    fn a_file_without_a_usable_line_is_an_error() {
        let check = |text: &str, expected: &str| {
            let message = read(text).unwrap_err().to_string();
            assert!(message.ends_with(expected), "{message}");
        };
        check("", "r.jsonl` line 1: the file is empty; no line of the file is a recorded completion");
        check(
            "\n{oops\n",
            "r.jsonl` line 2: not JSON: key must be a string at line 1 column 2; no line of the file is a recorded completion",
        );
    }
}
