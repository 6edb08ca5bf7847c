use serde::Serialize;

use crate::{
    CommandOptions, CurateOptions, EvaluateOptions, GenerateOptions, ImportOptions, PredictOptions, ReportOptions,
    TrainOptions,
};

/// What a step does, with its options.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "uses", content = "with", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant)] // A plan has a few dozen; boxes would stand in every match.
pub enum StepKind {
    /// A language model writes labelled examples.
    Generate(GenerateOptions),
    /// An annotated corpus becomes examples.
    Import(ImportOptions),
    /// Duplicates and doubtful examples are set aside, the rest is split.
    Curate(CurateOptions),
    /// An encoder is fine-tuned on examples.
    Train(TrainOptions),
    /// A trained model or a dictionary marks mentions in examples, or a model judges pairs of them.
    Predict(PredictOptions),
    /// Predictions are scored against gold examples.
    Evaluate(EvaluateOptions),
    /// One HTML file about all that it needs.
    Report(ReportOptions),
    /// The user's own program.
    Command(CommandOptions),
}

impl StepKind {
    /// The word under `uses:`.
    pub const fn name(&self) -> &'static str {
        self.uses().name()
    }

    pub(crate) const fn uses(&self) -> Uses {
        match self {
            Self::Generate(_) => Uses::Generate,
            Self::Import(_) => Uses::Import,
            Self::Curate(_) => Uses::Curate,
            Self::Train(_) => Uses::Train,
            Self::Predict(_) => Uses::Predict,
            Self::Evaluate(_) => Uses::Evaluate,
            Self::Report(_) => Uses::Report,
            Self::Command(_) => Uses::Command,
        }
    }

    /// The inputs as [`Uses::inputs`] gives them, but that a dictionary takes the place of a model.
    pub(crate) fn inputs(&self) -> Option<&'static [(&'static str, Arity)]> {
        match self {
            Self::Predict(options) if options.by_dictionary() => Some(&[("examples", Arity::One)]),
            _ => self.uses().inputs(),
        }
    }
}

/// A kind of step, without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Uses {
    /// A language model, live or recorded, writes labelled examples.
    Generate,
    /// An annotated corpus becomes examples.
    Import,
    /// Duplicates and doubtful examples are set aside, the rest is split.
    Curate,
    /// An encoder is fine-tuned on examples.
    Train,
    /// A trained model marks mentions in examples.
    Predict,
    /// Predictions are scored against gold examples.
    Evaluate,
    /// One HTML file about all that it needs.
    Report,
    /// The user's own program.
    Command,
}

/// How many needed steps may provide an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Exactly one.
    One,
    /// None or one.
    Optional,
    /// One or more.
    Some,
    /// None or more.
    Any,
}

impl Uses {
    pub(crate) const ALL: [Self; 8] = [
        Self::Generate,
        Self::Import,
        Self::Curate,
        Self::Train,
        Self::Predict,
        Self::Evaluate,
        Self::Report,
        Self::Command,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Import => "import",
            Self::Curate => "curate",
            Self::Train => "train",
            Self::Predict => "predict",
            Self::Evaluate => "evaluate",
            Self::Report => "report",
            Self::Command => "command",
        }
    }

    /// Raised when the same options and inputs give another output than before, so that cached results are not taken.
    pub(crate) const fn code_version(self) -> u32 {
        match self {
            // Examples with the concept of their seed; predictions that hold relations.
            Self::Import | Self::Curate | Self::Command | Self::Predict => 2,
            // Generate, 2: exact counts, repairs; 3: examples that lack the mention of their seed are set aside. Evaluate,
            // 3: relations, slices, calibration, comparisons. Train, 2: bfloat16 where the processor has it, fused kernels, a
            // loss for each label; 3: models that training goes on from. Report, 2: Markdown and CSV as well; 3: whole recipes.
            Self::Generate | Self::Evaluate | Self::Train | Self::Report => 3,
        }
    }

    /// Names of the outputs; those of `command` are declared by the user.
    pub(crate) const fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Generate => &["prompts", "completions", "examples", "quarantine", "egress"],
            Self::Import | Self::Curate => &["examples", "quarantine"],
            Self::Train => &["model", "history"],
            Self::Predict => &["predictions"],
            Self::Evaluate => &["scores", "errors", "comparisons"],
            Self::Report => &["report.html", "report.md", "plots"],
            Self::Command => &[],
        }
    }

    /// The inputs by output name, with how many needed steps may provide each; null for a kind that takes everything.
    pub(crate) const fn inputs(self) -> Option<&'static [(&'static str, Arity)]> {
        match self {
            Self::Generate => Some(&[("examples", Arity::Any), ("documents", Arity::Any), ("errors", Arity::Any)]),
            Self::Import => Some(&[]),
            Self::Curate => Some(&[("examples", Arity::Some)]),
            Self::Train => Some(&[("examples", Arity::One), ("model", Arity::Optional)]),
            Self::Predict => Some(&[("model", Arity::One), ("examples", Arity::One), ("predictions", Arity::Optional)]),
            Self::Evaluate => Some(&[("examples", Arity::One), ("predictions", Arity::Some)]),
            Self::Report | Self::Command => None,
        }
    }

    /// Whether the output depends on the pipeline's label set.
    pub(crate) const fn takes_labels(self) -> bool {
        matches!(self, Self::Generate | Self::Import | Self::Train)
    }

    /// Options that do not decide the output, with the reason.
    pub(crate) const fn outside_key(self) -> &'static [(&'static str, &'static str)] {
        const PATH: &str = "a path: the content's digest counts instead";
        match self {
            Self::Generate => &[
                ("template", PATH),
                ("seeds", PATH),
                ("recordings", PATH),
                ("topics", PATH),
                ("styles", PATH),
                ("guideline", PATH),
                ("search-template", PATH),
                ("vocabularies", PATH),
                ("demonstrations-from", "step names: the inputs' digests count instead"),
                ("provider", "a name: the endpoint's address and model count instead"),
                ("model", "counts as the endpoint's model"),
            ],
            Self::Import => &[("path", PATH), ("sensitivity", "counts as the step's sensitivity")],
            Self::Curate => &[("against", "step names: the inputs' digests count instead")],
            Self::Train => &[("checkpoint-steps", "a resumed run equals an uninterrupted one")],
            Self::Predict => &[
                ("batch-tokens", "the way to compute, not what is computed"),
                ("dictionary", PATH),
                ("dictionary-from", "a step name: the input's digest counts instead"),
            ],
            Self::Command => &[("deps", PATH), ("sensitivity", "counts as the step's sensitivity")],
            Self::Evaluate => &[("training", "step names: the inputs' digests count instead")],
            Self::Report => &[("published", PATH)],
        }
    }
}
