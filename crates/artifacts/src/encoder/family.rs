/// How one family of encoders names its configuration keys and tensors. A further family is a further row of
/// [`Family::ALL`].
#[derive(Debug)]
pub(crate) struct Family {
    /// `model_type` in `config.json`.
    pub(crate) model_type: &'static str,
    /// Hugging Face's class for token classification.
    pub(crate) classifier_class: &'static str,
    /// What tensor names begin with inside a model with a head; a bare encoder's file leaves it out.
    pub(crate) prefix: &'static str,
    /// Configuration keys of sizes and rates.
    pub(crate) keys: Keys,
    /// Keys that must be absent or hold this JSON value: others change the computation.
    pub(crate) fixed: &'static [(&'static str, &'static str)],
    /// Tensor names below the prefix.
    pub(crate) tensors: Tensors,
    /// The classification layer, which has no prefix.
    pub(crate) head: &'static str,
}

/// Configuration keys.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) hidden: &'static str,
    pub(crate) layers: &'static str,
    pub(crate) heads: &'static str,
    pub(crate) intermediate: &'static str,
    pub(crate) positions: &'static str,
    pub(crate) hidden_dropout: &'static str,
    pub(crate) attention_dropout: &'static str,
}

/// Tensor names, without `.weight` and `.bias`.
#[derive(Debug)]
pub(crate) struct Tensors {
    pub(crate) words: &'static str,
    pub(crate) positions: &'static str,
    pub(crate) types: &'static str,
    pub(crate) embedding_norm: &'static str,
    /// What a layer's number is put behind; the names below follow it.
    pub(crate) layer: &'static str,
    /// Queries, keys and values.
    pub(crate) attention: [&'static str; 3],
    /// The three merged, a name of our own.
    pub(crate) merged: &'static str,
    pub(crate) projection: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) intermediate: &'static str,
    pub(crate) output: &'static str,
    pub(crate) output_norm: &'static str,
}

impl Family {
    /// Every supported family.
    pub(crate) const ALL: &'static [Self] = &[Self::BERT];

    /// BERT, Devlin et al. 2019, as `transformers` 5 stores it. The pooler is left out: token classification has none.
    const BERT: Self = Self {
        model_type: "bert",
        classifier_class: "BertForTokenClassification",
        prefix: "bert.",
        keys: Keys {
            hidden: "hidden_size",
            layers: "num_hidden_layers",
            heads: "num_attention_heads",
            intermediate: "intermediate_size",
            positions: "max_position_embeddings",
            hidden_dropout: "hidden_dropout_prob",
            attention_dropout: "attention_probs_dropout_prob",
        },
        fixed: &[
            ("hidden_act", "\"gelu\""),
            ("position_embedding_type", "\"absolute\""),
            ("is_decoder", "false"),
            ("add_cross_attention", "false"),
            ("pruned_heads", "{}"),
        ],
        tensors: Tensors {
            words: "embeddings.word_embeddings",
            positions: "embeddings.position_embeddings",
            types: "embeddings.token_type_embeddings",
            embedding_norm: "embeddings.LayerNorm",
            layer: "encoder.layer.",
            attention: ["attention.self.query", "attention.self.key", "attention.self.value"],
            merged: "attention.self.qkv",
            projection: "attention.output.dense",
            attention_norm: "attention.output.LayerNorm",
            intermediate: "intermediate.dense",
            output: "output.dense",
            output_norm: "output.LayerNorm",
        },
        head: "classifier",
    };

    /// The family of a `model_type`.
    pub(crate) fn find(model_type: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|family| family.model_type == model_type)
    }

    /// The supported values of `model_type`, for messages.
    pub(crate) fn supported() -> String {
        Self::ALL.iter().map(|family| format!("`{}`", family.model_type)).collect::<Vec<_>>().join(", ")
    }
}
