use std::collections::BTreeMap;
use std::path::PathBuf;

use clinsynth_contract::{Sensitivity, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::generate::SplitName;

/// The names of [`Sensitivity`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum SensitivityName {
    /// Published text.
    Public,
    /// Text that a language model wrote.
    Synthetic,
    /// Figures computed over restricted text.
    Aggregate,
    /// Patient text and whatever is derived from it.
    Restricted,
}

/// Form of an annotated corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ImportFormat {
    /// Told from the file itself, or from the names in a folder.
    #[default]
    Auto,
    /// `PubTator`: title and abstract lines, then tab-separated mentions.
    Pubtator,
    /// BioC as XML.
    BiocXml,
    /// BioC as JSON.
    BiocJson,
    /// `CoNLL` style: one word and its IOB tag a line, a blank line between sentences; IOB1, IOB2 and BIOES alike.
    Iob,
    /// brat's folder of `.txt` and `.ann` files.
    Brat,
    /// JSON lines with `tokens` and `ner_tags`, as Hugging Face data sets are.
    Huggingface,
    /// JSON lines with `spans`, of Prodigy and spaCy's projects.
    Prodigy,
    /// JSON lines of doccano.
    Doccano,
    /// Folder of `.txt`, `.con` and `.rel` files of the i2b2/VA challenge of 2010.
    I2b2,
    /// Sentences with a masked pair and a label: GAD, EU-ADR, `ChemProt` and DDI.
    Relations,
    /// The three tables of `ChemProt` as it was published.
    Chemprot,
    /// Folder of plain `.txt` files.
    Text,
}

impl ImportFormat {
    /// Its name in pipeline files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pubtator => "pubtator",
            Self::BiocXml => "bioc-xml",
            Self::BiocJson => "bioc-json",
            Self::Iob => "iob",
            Self::Brat => "brat",
            Self::Huggingface => "huggingface",
            Self::Prodigy => "prodigy",
            Self::Doccano => "doccano",
            Self::I2b2 => "i2b2",
            Self::Relations => "relations",
            Self::Chemprot => "chemprot",
            Self::Text => "text",
        }
    }
}

/// What becomes of a mention in several pieces, such as `breast … cancer` in `breast and ovarian cancer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum DiscontinuousPolicy {
    /// One entity from its first to its last character, gaps included.
    #[default]
    Cover,
    /// One entity for each piece.
    Split,
    /// None; the mention is set aside.
    LeaveOut,
}

/// Options of `uses: import`: an annotated corpus becomes examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImportOptions {
    /// The corpus, a file or folder relative to the pipeline file.
    pub path: PathBuf,
    /// Its form.
    #[serde(default)]
    pub format: ImportFormat,
    /// How far its text may travel; say `public` for a published corpus.
    #[serde(default = "restricted")]
    #[schemars(with = "SensitivityName")]
    pub sensitivity: Sensitivity,
    /// The pipeline's label for each label of the corpus; null leaves its mentions or relations out. Labels not named stay.
    #[serde(default)]
    pub label_map: BTreeMap<String, Option<String>>,
    /// What becomes of mentions in several pieces.
    #[serde(default)]
    pub discontinuous: DiscontinuousPolicy,
    /// Lists every pair of concepts once, for a model of relations between them: `between` holds pairs of labels, such as
    /// `[[Chemical, Disease]]`, and `unlisted` is the relation of a pair that the corpus does not relate.
    #[serde(default)]
    pub concept_pairs: Option<ConceptPairOptions>,
    /// Split that every example is put into.
    #[serde(default)]
    #[schemars(with = "Option<SplitName>")]
    pub split: Option<Split>,
}

/// Which pairs of concepts are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(inline)]
pub struct ConceptPairOptions {
    /// Labels of head and tail, such as `[[Chemical, Disease]]`.
    pub between: Vec<[String; 2]>,
    /// The relation of a pair that the corpus does not relate.
    pub unlisted: String,
}

const fn restricted() -> Sensitivity {
    Sensitivity::Restricted
}
