use std::collections::BTreeMap;

use crate::{Label, PromptingError};

/// Recognises labels however a model spells them.
#[derive(Clone, Debug)]
pub(crate) struct LabelNames {
    names: Vec<String>,
    by_fold: BTreeMap<String, usize>,
}

impl LabelNames {
    /// The names of a label set and those synonyms whose target is in it.
    pub(crate) fn new(labels: &[Label], synonyms: &BTreeMap<String, String>) -> Self {
        let names: Vec<String> = labels.iter().map(|label| label.name.clone()).collect();
        let mut by_fold = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            by_fold.entry(fold(name)).or_insert(index);
        }
        for (synonym, target) in synonyms {
            if let Some(index) = names.iter().position(|name| name == target) {
                by_fold.entry(fold(synonym)).or_insert(index);
            }
        }
        Self { names, by_fold }
    }

    /// The label that a model's word stands for: itself, or equal with case, spaces and punctuation ignored, or a synonym.
    pub(crate) fn resolve(&self, word: &str) -> Option<&str> {
        let word = word.trim();
        let index =
            self.names.iter().position(|name| name == word).or_else(|| self.by_fold.get(&fold(word)).copied())?;
        Some(&self.names[index])
    }

    /// The first label.
    pub(crate) fn first(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }

    /// The last label.
    pub(crate) fn last(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// The label, where there is one alone.
    pub(crate) fn only(&self) -> Option<&str> {
        self.first().filter(|_| self.names.len() == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All of them, for messages.
    pub(crate) fn list(&self) -> String {
        self.names.join(", ")
    }
}

/// Checks that each synonym stands for a known label or relation.
pub(crate) fn check_synonyms(synonyms: &BTreeMap<String, String>, known: &[Label]) -> Result<(), PromptingError> {
    match synonyms.iter().find(|(_, target)| !known.iter().any(|label| label.name == **target)) {
        None => Ok(()),
        Some((synonym, target)) => Err(PromptingError::Settings {
            key: "synonyms",
            problem: format!(
                "maps `{synonym}` to `{target}`, which is no label: expected one of {}",
                known.iter().map(|label| label.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        }),
    }
}

fn fold(word: &str) -> String {
    word.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_spellings_and_synonyms() {
        let labels = ["Disease", "Cell line"].map(|name| Label::new(name, ""));
        let synonyms = [("Disorder", "Disease"), ("cell_line", "Nowhere")];
        let synonyms = synonyms.map(|(word, label)| (word.to_owned(), label.to_owned())).into();
        let names = LabelNames::new(&labels, &synonyms);
        let check = |word: &str, expected: Option<&str>| assert_eq!(names.resolve(word), expected, "{word}");
        check("Disease", Some("Disease"));
        check(" DISEASE ", Some("Disease"));
        check("cell-line", Some("Cell line"));
        check("disorder", Some("Disease"));
        check("Diseases", None);
        check("", None);
        assert!(check_synonyms(&synonyms, &labels).is_err_and(|error| error.to_string()
            == "`synonyms` maps `cell_line` to `Nowhere`, which is no label: expected one of Disease, Cell line"));
    }
}
