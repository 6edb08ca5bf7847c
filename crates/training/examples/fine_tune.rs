//! Fine-tunes an encoder on a handful of sentences made from a template, and says how well it tags others.
//!
//! ```sh
//! ORT_DYLIB_PATH=…/libonnxruntime.so CLINSYNTH_ENCODER=folder/of/an/encoder \
//!     cargo run --release -p clinsynth-training --example fine_tune
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{Entity, Example, Span, TagSet};
use clinsynth_encoding::{Encoder, EncodingSettings};
use clinsynth_runtime::Runtime;
use clinsynth_training::{Phase, Precision, Recipe, train};

const TRAINING: [&str; 8] =
    ["asthma", "breast cancer", "gout", "type 2 diabetes", "malaria", "lupus", "cystic fibrosis", "heart failure"];
const DEV: [&str; 4] = ["anaemia", "lung cancer", "epilepsy", "multiple sclerosis"];
const TEMPLATES: [[&str; 2]; 4] = [
    ["Patients with ", " were followed for a year."],
    ["The gene is linked to ", " in this family."],
    ["Treatment of ", " with the drug failed."],
    ["Nobody in the control group had ", "."],
];

fn main() -> Result<(), Box<dyn Error>> {
    let [library, encoder] = ["ORT_DYLIB_PATH", "CLINSYNTH_ENCODER"].map(std::env::var_os);
    let library = library.ok_or("`ORT_DYLIB_PATH` must name the ONNX Runtime library")?;
    let encoder = PathBuf::from(encoder.ok_or("`CLINSYNTH_ENCODER` must name the folder of an encoder")?);
    let folder = tempfile::tempdir()?;
    let [artifact, run] = ["artifact", "run"].map(|name| folder.path().join(name));

    let labels = TagSet::new(["Disease"])?;
    let manifest = build(&encoder, &labels, &BuildSettings::default(), &artifact)?;
    let settings = EncodingSettings { max_tokens: 64, overlap_words: 8 };
    let tokens = Encoder::load(&encoder.join("tokenizer.json"), &settings)?;
    tokens.check_encoder(manifest.encoder.vocabulary, manifest.encoder.positions)?;
    let training = tokens.encode_examples(&sentences(&TRAINING), &labels)?.encodings;
    let dev = tokens.encode_examples(&sentences(&DEV), &labels)?.encodings;

    let runtime = Runtime::load(library.as_ref())?;
    let recipe = Recipe { epochs: 3, batch_sequences: 8, precision: Precision::Fp32, ..Recipe::default() };
    let outcome = train(&runtime, &artifact, &training, &dev, &recipe, &run, &mut |progress| {
        if progress.phase == Phase::Training && progress.step % 4 == 0 {
            println!("step {} of {}: loss {:.3}", progress.step, progress.steps, progress.loss);
        }
        ControlFlow::Continue(())
    })?;
    println!(
        "strict F1 on {} sentences about diseases that it never saw: {:.2} after epoch {}",
        dev.len(),
        outcome.best_dev_f1,
        outcome.best_epoch
    );
    Ok(())
}

/// Every template about every disease.
fn sentences(diseases: &[&str]) -> Vec<Example> {
    let pairs = diseases.iter().flat_map(|disease| TEMPLATES.map(|template| (disease, template)));
    let example = |(number, (disease, [before, after])): (usize, (&&str, [&str; 2]))| {
        let start = before.chars().count() as u32;
        let span = Span::new(start, start + disease.chars().count() as u32);
        Example {
            id: format!("e{number}"),
            document: format!("d{number}"),
            text: format!("{before}{disease}{after}"),
            entities: vec![Entity::new(span, "Disease")],
            ..Example::default()
        }
    };
    pairs.enumerate().map(example).collect()
}
