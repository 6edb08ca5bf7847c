use std::collections::BTreeMap;
use std::fmt;

use clinsynth_contract::Sensitivity;
use serde::{Deserialize, Serialize};

/// The form of a corpus file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Told from the first lines.
    #[default]
    Auto,
    /// Documents with stand-off annotations: `ID|t|title`, `ID|a|abstract`, then tab-separated mentions and relations.
    PubTator,
    /// One token and its tag a line, a blank line between sentences; IOB1, IOB2, BIOES and BILOU are understood.
    Iob,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::PubTator => "pubtator",
            Self::Iob => "iob",
        })
    }
}

/// How a corpus is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSettings {
    /// The file's form.
    pub format: Format,
    /// The file's mention and relation types to labels; a type that is not listed is its own label. The key `""` names
    /// the label of bare `B` and `I` tags, `Entity` otherwise.
    pub label_map: BTreeMap<String, String>,
    /// Name of the corpus, the first part of every identifier.
    pub source: String,
    /// How far the examples may travel.
    pub sensitivity: Sensitivity,
}

impl ReadSettings {
    /// The label of a type found in the file.
    pub(crate) fn label<'a>(&'a self, found: &'a str) -> &'a str {
        let unlisted = if found.is_empty() { "Entity" } else { found };
        self.label_map.get(found).map_or(unlisted, String::as_str)
    }
}

/// The label map of the NCBI disease corpus, whose four mention types are all `Disease` in its benchmark. It leaves
/// the types of BC5CDR (`Disease`, `Chemical`, `CID`) as they are.
///
/// Source: Doğan, Leaman and Lu 2014, "NCBI disease corpus: a resource for disease name recognition and concept
/// normalization".
pub fn default_label_map() -> BTreeMap<String, String> {
    let types = ["SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"];
    types.map(|found| (found.to_owned(), "Disease".to_owned())).into()
}
