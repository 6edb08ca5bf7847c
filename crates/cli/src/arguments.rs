use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clinsynth_contract::{Sensitivity, Split};
use clinsynth_corpora::Format;

/// Language models write labelled clinical text, a small local model learns from it, and no patient text leaves the house.
#[derive(Debug, Parser)]
#[command(name = "clinsynth", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// More log lines on standard error; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 a step failed; 2 bad usage or a bad file; 3 partial success (--keep-going); \
4 environment (library, encoder, endpoint, disk); 130 interrupted, the same command goes on.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline; what is done already is taken from the store
    Run(Run),
    /// Show what a run would do, and why, without doing it
    Plan(Plan),
    /// Run one step of a pipeline against the store, for any batch scheduler
    Step(Step),
    /// Print schema, counts and sample rows of a dataset
    Show(Show),
    /// List, clean and export the completions that endpoints were asked for
    Cache(Cache),
    /// Read an annotated corpus into a dataset of examples, every offset checked against the text
    Import(Import),
    /// Write a dataset of examples as a corpus, in any format
    Export(Export),
    /// Write a corpus in another format, with what an example has no place for
    Convert(Convert),
    /// Bring a published corpus from its publisher, or say what to download by hand
    Fetch(Fetch),
    /// Check library, encoder and Python, and say what is missing
    Doctor,
    /// Bring the ONNX Runtime library and the default encoder into the user cache, and print where they are
    Setup,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Which pipeline, how it is changed, and where its results live.
#[derive(Clone, Debug, Args)]
pub(crate) struct Source {
    /// The pipeline file
    pub(crate) pipeline: PathBuf,
    /// Set a parameter of the pipeline; a YAML value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Who answers prompts: `replay`, or an endpoint of the pipeline file (short for --set provider=NAME)
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// The folder that holds results
    #[arg(long, value_name = "DIR", env = "CLINSYNTH_STORE", default_value = ".clinsynth")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Run these steps again although their output is there
    #[arg(long, value_name = "STEP")]
    pub(crate) force: Vec<String>,
    /// Run only these steps and what they need
    #[arg(long, value_name = "STEP")]
    pub(crate) only: Vec<String>,
    /// After a failure go on with what does not need the failed step
    #[arg(short, long)]
    pub(crate) keep_going: bool,
    /// Print events as JSON lines instead of the terminal view
    #[arg(long)]
    pub(crate) json: bool,
    /// Render the prompts into files, say what asking for them would take, and call nothing
    #[arg(long = "dry-run")]
    pub(crate) dry: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cache {
    /// What to do with it
    #[command(subcommand)]
    pub(crate) action: CacheAction,
    /// The folder that holds results, and with them the request cache
    #[arg(long, value_name = "DIR", env = "CLINSYNTH_STORE", default_value = ".clinsynth", global = true)]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheAction {
    /// Print the completions by host, model and task, and what each endpoint was charged
    Ls {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove what ended processes left behind, and old completions if asked to; what was charged stays
    Gc {
        /// Remove completions that are older than this
        #[arg(long, value_name = "DAYS")]
        days: Option<u64>,
    },
    /// Write completions as a recording that `provider: replay` plays
    Export {
        /// The file; standard output when none is given
        file: Option<PathBuf>,
        /// Only completions of this model, as it was asked for
        #[arg(long)]
        model: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Plan only these steps and what they need
    #[arg(long, value_name = "STEP")]
    pub(crate) only: Vec<String>,
    /// Print the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Step {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The step, such as `train` or `train@seed=0`
    #[arg(value_name = "STEP")]
    pub(crate) instance: String,
    /// Run it again although its output is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print events as JSON lines, and stop when standard input closes (this is how `run` starts steps)
    #[arg(long)]
    pub(crate) events: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A dataset: a Parquet file, or STEP.OUTPUT of the store (such as `curate.examples`)
    pub(crate) dataset: String,
    /// Sample rows to print
    #[arg(short = 'n', long, default_value_t = 5)]
    pub(crate) rows: usize,
    /// Print everything as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder that holds results
    #[arg(long, value_name = "DIR", env = "CLINSYNTH_STORE", default_value = ".clinsynth")]
    pub(crate) store: PathBuf,
}

fn parse_renaming(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form FROM=TO"))?;
    Ok((from.to_owned(), to.to_owned()))
}

/// The formats, for the help of the commands that take one.
fn formats() -> String {
    let line = |format: &Format| format!("  {:<12} {}", format.name(), format.about());
    let lines: Vec<String> = Format::ALL.iter().map(line).collect();
    format!(
        "Formats:\n{}\n  parquet      A Hugging Face data set. For writing only.\n\nMore in docs/corpora.md.",
        lines.join("\n")
    )
}

#[derive(Debug, Args)]
#[command(after_long_help = formats())]
pub(crate) struct Import {
    /// The format of the corpus, or `auto`
    pub(crate) format: String,
    /// The corpus: a file, or a folder
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The dataset to write, such as corpus.parquet; what was set aside goes to corpus.quarantine.parquet
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// How far its text may travel: public, synthetic, aggregate or restricted; say public for a published corpus
    #[arg(long, default_value = "restricted")]
    pub(crate) sensitivity: Sensitivity,
    /// Call a label of the corpus otherwise; may be given several times
    #[arg(long = "label", value_name = "FROM=TO", value_parser = parse_renaming)]
    pub(crate) label_map: Vec<(String, String)>,
    /// What becomes of mentions in several pieces
    #[arg(long, value_enum, default_value_t = DiscontinuousName::Cover)]
    pub(crate) discontinuous: DiscontinuousName,
    /// Name of the corpus, the first part of every identifier; the file's name when none is given
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The split that every example is put into: train, dev or test
    #[arg(long)]
    pub(crate) split: Option<Split>,
}

/// What becomes of mentions in several pieces.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DiscontinuousName {
    /// One entity from first to last character
    Cover,
    /// One entity for each piece
    Split,
    /// None; the mention is set aside
    LeaveOut,
}

/// What is a token.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TokensName {
    /// The words that models are trained on
    Words,
    /// Whatever stands between white space
    WhiteSpace,
}

#[derive(Debug, Args)]
#[command(after_long_help = formats())]
pub(crate) struct Export {
    /// The format to write
    pub(crate) format: String,
    /// A dataset of examples: a Parquet file, or STEP.OUTPUT of the store (such as `curate.examples`)
    #[arg(value_name = "IN")]
    pub(crate) dataset: String,
    /// The file or folder to write
    pub(crate) out: PathBuf,
    /// Name of the corpus, which import put before every identifier, to take off again
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// What is a token, in formats of tokens
    #[arg(long, value_enum, default_value_t = TokensName::Words)]
    pub(crate) tokens: TokensName,
    /// The folder that holds results
    #[arg(long, value_name = "DIR", env = "CLINSYNTH_STORE", default_value = ".clinsynth")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_long_help = formats())]
pub(crate) struct Convert {
    /// The format to read, or `auto`
    pub(crate) from: String,
    /// The format to write
    pub(crate) to: String,
    /// The corpus to read
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The file or folder to write
    pub(crate) out: PathBuf,
    /// What is a token, in formats of tokens
    #[arg(long, value_enum, default_value_t = TokensName::Words)]
    pub(crate) tokens: TokensName,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The corpus: ncbi-disease, bc5cdr, or gad
    pub(crate) corpus: String,
    /// The folder for its files; one of its name when none is given
    pub(crate) folder: Option<PathBuf>,
}
