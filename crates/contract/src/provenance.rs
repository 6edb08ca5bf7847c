use crate::cell::named_cell;

named_cell! {
    /// Who labelled a row.
    pub enum Origin ("origin", "human, llm, weak") {
        /// A person.
        Human = "human",
        /// A language model.
        #[default]
        Llm = "llm",
        /// A rule or a dictionary.
        Weak = "weak",
    }
}

named_cell! {
    /// Which part of a data set a row belongs to.
    pub enum Split ("split", "train, dev, test") {
        /// Weights are fitted on it.
        #[default]
        Train = "train",
        /// The best checkpoint is chosen on it.
        Dev = "dev",
        /// Scores are reported on it.
        Test = "test",
    }
}

crate::cell::struct_cell! {
    /// Where a row comes from.
    pub struct Provenance {
        /// Who labelled it.
        pub origin: Origin,
        /// The model that wrote it.
        pub model: Option<String>,
        /// Digest of the rendered prompt.
        pub prompt: Option<String>,
        /// The seed entity or pair it was asked for.
        pub seed: Option<String>,
        /// Concept identifier of the seed entity, or of both of a pair.
        pub concept: Option<String>,
        /// The topic it was asked for.
        pub topic: Option<String>,
        /// The writing style it was asked for.
        pub style: Option<String>,
        /// The request it came back from.
        pub request: Option<String>,
    }
}
