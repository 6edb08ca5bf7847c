use crate::encoder::Activation;

/// How one family of encoders names its configuration keys and tensors, and where its computation differs. A further
/// family is a further row of [`Family::ALL`].
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
    /// The padding id where the configuration names none.
    pub(crate) padding: u32,
    /// Whether positions count from one past the padding id, not from 0.
    pub(crate) positions_after_padding: bool,
    /// Whether activations are dropped between attention and its residual.
    pub(crate) drops_attention_output: bool,
    /// Tensor names below the prefix.
    pub(crate) tensors: Tensors,
    /// The classification layer of tokens, which has no prefix.
    pub(crate) head: &'static str,
    /// The classification of sequences by their first token.
    pub(crate) sequence: SequenceHead,
}

/// How sequences are classified: a linear layer with an activation behind it, and the classification layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SequenceHead {
    /// Hugging Face's class.
    pub(crate) class: &'static str,
    /// The first layer, with its prefix if it has one: then it is the encoder's own pooler.
    pub(crate) pooler: &'static str,
    /// Behind the first layer.
    pub(crate) activation: Activation,
    /// The classification layer.
    pub(crate) output: &'static str,
    /// Whether activations are dropped before the first layer too.
    pub(crate) drops_input: bool,
    /// Configuration key of the dropout; the hidden dropout where it is absent.
    pub(crate) dropout: &'static str,
    /// The dropout where the key is absent, unless it is the hidden one.
    pub(crate) default_dropout: Option<f32>,
}

impl SequenceHead {
    /// Of pairs of entities, by the states where they start (Baldini Soares et al. 2019); not a head of Hugging Face's.
    pub(crate) const STARTS: Self = Self { class: "ClinsynthForRelationClassification", ..Self::ROBERTA };

    const ROBERTA: Self = Self {
        class: "RobertaForSequenceClassification",
        pooler: "classifier.dense",
        activation: Activation::Tanh,
        output: "classifier.out_proj",
        drops_input: true,
        dropout: "classifier_dropout",
        default_dropout: None,
    };
}

/// Configuration keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) hidden: &'static str,
    pub(crate) layers: &'static str,
    pub(crate) heads: &'static str,
    pub(crate) intermediate: &'static str,
    pub(crate) positions: &'static str,
    /// The activation of the feed-forward part.
    pub(crate) activation: &'static str,
    /// Number of token types, in families that have any.
    pub(crate) token_types: Option<&'static str>,
    /// Size of the embeddings, in families where it may differ from the hidden size.
    pub(crate) embedding: Option<&'static str>,
    pub(crate) hidden_dropout: &'static str,
    pub(crate) attention_dropout: &'static str,
    /// Dropout before the classification layer; the hidden dropout where the key is absent.
    pub(crate) classifier_dropout: &'static str,
}

/// Tensor names, without `.weight` and `.bias`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensors {
    pub(crate) words: &'static str,
    pub(crate) positions: &'static str,
    pub(crate) types: &'static str,
    pub(crate) embedding_norm: &'static str,
    /// From the embedding size to the hidden size, where they differ.
    pub(crate) embedding_projection: &'static str,
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
    pub(crate) const ALL: &'static [Self] = &[Self::BERT, Self::ROBERTA, Self::DISTILBERT, Self::ELECTRA];

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
            activation: "hidden_act",
            token_types: Some("type_vocab_size"),
            embedding: None,
            hidden_dropout: "hidden_dropout_prob",
            attention_dropout: "attention_probs_dropout_prob",
            classifier_dropout: "classifier_dropout",
        },
        fixed: &[
            ("position_embedding_type", "\"absolute\""),
            ("is_decoder", "false"),
            ("add_cross_attention", "false"),
            ("pruned_heads", "{}"),
        ],
        padding: 0,
        positions_after_padding: false,
        drops_attention_output: true,
        tensors: Tensors {
            words: "embeddings.word_embeddings",
            positions: "embeddings.position_embeddings",
            types: "embeddings.token_type_embeddings",
            embedding_norm: "embeddings.LayerNorm",
            embedding_projection: "embeddings_project",
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
        sequence: SequenceHead {
            class: "BertForSequenceClassification",
            pooler: "bert.pooler.dense",
            output: "classifier",
            drops_input: false,
            ..SequenceHead::ROBERTA
        },
    };

    /// `RoBERTa`, Liu et al. 2019: BERT with positions behind the padding id.
    const ROBERTA: Self = Self {
        model_type: "roberta",
        classifier_class: "RobertaForTokenClassification",
        prefix: "roberta.",
        padding: 1,
        positions_after_padding: true,
        sequence: SequenceHead::ROBERTA,
        ..Self::BERT
    };

    /// `DistilBERT`, Sanh et al. 2019: no token types, names of its own, and no dropout behind attention.
    const DISTILBERT: Self = Self {
        model_type: "distilbert",
        classifier_class: "DistilBertForTokenClassification",
        prefix: "distilbert.",
        keys: Keys {
            hidden: "dim",
            layers: "n_layers",
            heads: "n_heads",
            intermediate: "hidden_dim",
            positions: "max_position_embeddings",
            activation: "activation",
            token_types: None,
            embedding: None,
            hidden_dropout: "dropout",
            attention_dropout: "attention_dropout",
            classifier_dropout: "dropout",
        },
        drops_attention_output: false,
        tensors: Tensors {
            layer: "transformer.layer.",
            attention: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
            merged: "attention.qkv_lin",
            projection: "attention.out_lin",
            attention_norm: "sa_layer_norm",
            intermediate: "ffn.lin1",
            output: "ffn.lin2",
            output_norm: "output_layer_norm",
            ..Self::BERT.tensors
        },
        sequence: SequenceHead {
            class: "DistilBertForSequenceClassification",
            pooler: "pre_classifier",
            activation: Activation::Relu,
            output: "classifier",
            drops_input: false,
            dropout: "seq_classif_dropout",
            default_dropout: Some(0.2),
        },
        ..Self::BERT
    };

    /// ELECTRA's discriminator, Clark et al. 2020: embeddings of a size of their own, projected to the hidden size.
    const ELECTRA: Self = Self {
        model_type: "electra",
        classifier_class: "ElectraForTokenClassification",
        prefix: "electra.",
        keys: Keys { embedding: Some("embedding_size"), ..Self::BERT.keys },
        sequence: SequenceHead {
            class: "ElectraForSequenceClassification",
            activation: Activation::Gelu,
            ..SequenceHead::ROBERTA
        },
        ..Self::BERT
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
