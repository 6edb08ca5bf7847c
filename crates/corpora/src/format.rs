use std::fmt;
use std::str::FromStr;

use crate::CorpusError;

/// Declares the formats with their names and what is said about them.
macro_rules! formats {
    ($($(#[doc = $about:literal])+ $variant:ident = $name:literal,)+) => {
        /// The form of a corpus. A folder where the form has a file for each text.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Format {
            /// Told from the first lines, or from the names in a folder. For reading only.
            #[default]
            Auto,
            $($(#[doc = $about])+ $variant,)+
        }

        impl Format {
            /// Every format but [`Format::Auto`].
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in commands and pipeline files.
            pub const fn name(self) -> &'static str {
                match self { Self::Auto => "auto", $(Self::$variant => $name,)+ }
            }

            /// What it is.
            pub const fn about(self) -> &'static str {
                match self { Self::Auto => "told from the file itself", $(Self::$variant => concat!($($about),+).trim_ascii(),)+ }
            }
        }
    };
}

formats! {
    /// PubTator: `ID|t|title`, `ID|a|abstract`, then tab-separated mentions and relations.
    PubTator = "pubtator",
    /// BioC as XML.
    BiocXml = "bioc-xml",
    /// BioC as JSON; PubTator 3's answers as well.
    BiocJson = "bioc-json",
    /// IOB2: one token and its tag a line, a blank line between sentences; the whole family is read.
    Iob = "iob",
    /// IOB1: `B-` only where two mentions of a label touch.
    Iob1 = "iob1",
    /// BIOES: the last token of a mention is tagged `E-`, an only one `S-`.
    Bioes = "bioes",
    /// CoNLL-2003: four columns separated by spaces, `-DOCSTART-` lines before documents.
    Conll = "conll",
    /// brat's folder of `.txt` and `.ann` files.
    Brat = "brat",
    /// JSON lines with `tokens` and `ner_tags`, as Hugging Face data sets are.
    HuggingFace = "huggingface",
    /// JSON lines with `spans` and `relations`, of Prodigy.
    Prodigy = "prodigy",
    /// JSON lines with `label`, or `entities` and `relations`, of doccano.
    Doccano = "doccano",
    /// Folder of `.txt`, `.con`, `.rel` and `.ast` files of the i2b2/VA challenge of 2010.
    I2b2 = "i2b2",
    /// TSV of sentences with two masked entities (`@GENE$`) and a label: GAD, EU-ADR, ChemProt and DDI of BLURB.
    Relations = "relations",
    /// Folder of ChemProt's three tables, as BioCreative VI published them. For reading only.
    ChemProt = "chemprot",
    /// Folder of `.txt` files without annotations.
    Text = "text",
    /// spaCy's training JSON, for `spacy convert`. For writing only.
    Spacy = "spacy",
}

impl Format {
    /// Whether it has a file for each text, in a folder.
    pub const fn is_folder(self) -> bool {
        matches!(self, Self::Brat | Self::I2b2 | Self::ChemProt | Self::Text)
    }

    /// Whether it can be read.
    pub const fn reads(self) -> bool {
        !matches!(self, Self::Spacy)
    }

    /// Whether it can be written.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Auto | Self::ChemProt)
    }

    /// The names of the formats that `keep` accepts, separated by commas.
    pub fn names(keep: fn(Self) -> bool) -> String {
        let names: Vec<&str> = Self::ALL.iter().filter(|format| keep(**format)).map(|format| format.name()).collect();
        names.join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = CorpusError;

    fn from_str(name: &str) -> Result<Self, CorpusError> {
        let all = [Self::Auto].into_iter().chain(Self::ALL.iter().copied());
        let mut known = all.filter(|format| format.name() == name);
        known.next().ok_or_else(|| CorpusError::NoSuchFormat {
            name: name.to_owned(),
            known: format!("auto, {}", Self::names(|_| true)),
        })
    }
}
