//! Running graphs by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_contract::Manifest;
use clinsynth_kernels::{Precision, operators};
use clinsynth_runtime::ort::session::{Session, SessionInputValue};
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};

use crate::reference::{Batch, parameter_values};

/// Named inputs.
pub(crate) type Feeds = Vec<(Cow<'static, str>, SessionInputValue<'static>)>;

/// A session on a file, two threads: stock.
pub(crate) fn open(model: &Path) -> Session {
    open_with(model, None)
}

/// A session on a file, two threads: with the kernels that stand in for the graph's own functions, or stock.
pub(crate) fn open_with(model: &Path, kernels: Option<Precision>) -> Session {
    let library = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let library =
        library.expect("`ORT_DYLIB_PATH` must name the ONNX Runtime library: run `just test`, which provisions it");
    let settings = SessionSettings { threads: 2, ..SessionSettings::default() };
    let (runtime, model) = (Runtime::load(&library).unwrap(), ModelSource::File(model));
    match kernels {
        Some(precision) => runtime.session_with(model, &settings, operators(precision).unwrap()).unwrap(),
        None => runtime.session(model, &settings).unwrap(),
    }
}

/// A float input.
pub(crate) fn floats(name: &str, shape: &[usize], values: Vec<f32>) -> (Cow<'static, str>, SessionInputValue<'static>) {
    (name.to_owned().into(), Tensor::from_array((shape.to_vec(), values)).unwrap().into())
}

/// An integer input.
pub(crate) fn integers(
    name: &str,
    shape: &[usize],
    values: Vec<i64>,
) -> (Cow<'static, str>, SessionInputValue<'static>) {
    (name.to_owned().into(), Tensor::from_array((shape.to_vec(), values)).unwrap().into())
}

/// The manifest's batch inputs.
pub(crate) fn batch_feeds(batch: &Batch) -> Feeds {
    let shape = [batch.width, batch.rows];
    vec![
        integers("input_ids", &shape, batch.sequence_major(&batch.ids)),
        floats("attention_bias", &[batch.rows, 1, 1, batch.width], batch.bias()),
        integers("labels", &shape, batch.sequence_major(&batch.labels)),
    ]
}

/// The manifest's dropout masks.
pub(crate) fn mask_feeds(manifest: &Manifest, batch: &Batch) -> Feeds {
    let sites = manifest.dropout.iter().enumerate();
    sites
        .map(|(place, site)| {
            let (shape, values) = batch.dropout_mask(site, place);
            floats(&site.name, &shape, values)
        })
        .collect()
}

/// The manifest's parameters from stored weights.
pub(crate) fn parameter_feeds(manifest: &Manifest, weights: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Feeds {
    manifest.parameters.iter().map(|p| floats(&p.name, &p.shape, parameter_values(p, weights))).collect()
}

/// Every output by name.
pub(crate) fn run(session: &mut Session, feeds: Feeds) -> BTreeMap<String, Vec<f32>> {
    let outputs = session.run(feeds).unwrap();
    outputs
        .iter()
        .map(|(name, value)| (name.to_owned(), value.try_extract_tensor::<f32>().unwrap().1.to_vec()))
        .collect()
}

/// Asserts that two vectors differ by at most `tolerance` of the reference's Euclidean norm.
pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let distance = norm(&mut found.iter().zip(expected).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    let size = norm(&mut expected.iter().map(|&value| f64::from(value)));
    assert!(distance <= tolerance * size, "{what}: relative error {}", distance / size);
}
