use std::collections::BTreeMap;

use clinsynth_contract::Sensitivity;

use crate::Format;

/// How a corpus is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSettings {
    /// The file's form.
    pub format: Format,
    /// The file's mention and relation types to labels; a type that is not listed is its own label. The key `""` names
    /// the label of bare `B` and `I` tags, `Entity` otherwise.
    pub label_map: BTreeMap<String, String>,
    /// What becomes of mentions in several pieces.
    pub discontinuous: Discontinuous,
    /// Name of the corpus, the first part of every identifier.
    pub source: String,
    /// How far the examples may travel.
    pub sensitivity: Sensitivity,
}

/// What becomes of a mention in several pieces, such as `breast … cancer` in "breast and ovarian cancer": an entity of
/// an example has one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discontinuous {
    /// One entity from the first to the last character, gaps included.
    #[default]
    Cover,
    /// One entity for each piece; a relation holds with the first.
    Split,
    /// None; the mention is set aside with its reason.
    LeaveOut,
}

impl Discontinuous {
    /// What was done, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cover => "became one entity each, gaps included",
            Self::Split => "became an entity for each piece",
            Self::LeaveOut => "were set aside",
        }
    }
}

impl ReadSettings {
    /// The label of a type found in the file.
    pub(crate) fn label<'a>(&'a self, found: &'a str) -> &'a str {
        let unlisted = if found.is_empty() { "Entity" } else { found };
        self.label_map.get(found).map_or(unlisted, String::as_str)
    }
}

/// The label map of published corpora: the four mention types of the NCBI disease corpus are all `Disease` in its
/// benchmark, and masks such as `@GENE$` are written like other labels. It leaves the types of BC5CDR (`Disease`,
/// `Chemical`, `CID`) and the labels of relations as they are.
///
/// Source: Doğan, Leaman and Lu 2014, "NCBI disease corpus: a resource for disease name recognition and concept
/// normalization".
pub fn default_label_map() -> BTreeMap<String, String> {
    let diseases = ["SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"].map(|found| (found, "Disease"));
    let masks = [("GENE", "Gene"), ("DISEASE", "Disease"), ("CHEMICAL", "Chemical"), ("DRUG", "Drug")];
    diseases.into_iter().chain(masks).map(|(found, label)| (found.to_owned(), label.to_owned())).collect()
}
