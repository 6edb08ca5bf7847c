//! The graphs' numbers against PyTorch's.

use std::collections::BTreeMap;

use clinsynth_contract::{AdamW, Manifest, Parameter};
use clinsynth_kernels::Precision;
use clinsynth_runtime::ort::memory::{Allocator, MemoryInfo};
use clinsynth_runtime::ort::session::IoBinding;
use clinsynth_runtime::ort::value::Tensor;

use crate::reference::{Batch, Pass, Recorded, Tiny, drawn_weights, parameter_values, recorded};
use crate::session::{assert_close, batch_feeds, mask_feeds, open, open_with, parameter_feeds, run};

/// Relative, of a whole tensor; float32 leaves about 3e-6.
const GRADIENT_TOLERANCE: f64 = 2e-5;
/// Losses are between 0.8 and 1.9.
const LOSS_TOLERANCE: f32 = 5e-6;

fn check_gradients(dropout: bool, choose: fn(&Recorded) -> &Pass, kernels: Option<Precision>) {
    // Bfloat16 keeps 8 bits: each product is off by up to 2⁻⁹, here a dozen of them deep.
    let (gradient_tolerance, loss_tolerance) = match kernels {
        Some(Precision::Bf16) => (2e-2, 5e-3),
        _ => (GRADIENT_TOLERANCE, LOSS_TOLERANCE),
    };
    let recorded = recorded();
    let expected = choose(&recorded);
    let tiny = Tiny::build(dropout);
    let batch = Batch::drawn(0, &recorded);
    let mut feeds = batch_feeds(&batch);
    feeds.extend(mask_feeds(&tiny.manifest, &batch));
    feeds.extend(parameter_feeds(&tiny.manifest, &drawn_weights(&tiny.manifest.parameters)));
    let found = run(&mut open_with(&tiny.artifacts().join(Manifest::GRADIENT_MODEL), kernels), feeds);

    let labelled = batch.labels.iter().filter(|&&label| label >= 0).count();
    assert!(labelled < batch.labels.len());
    assert_eq!(found["labelled"], [labelled as f32]);
    assert!((found["loss"][0] - expected.loss).abs() < loss_tolerance, "{:?}", found["loss"]);
    assert_close(&found["gradient_norm"], &[expected.norm], gradient_tolerance, "norm");
    assert_gradients(&tiny.manifest, &found, &expected.gradients, gradient_tolerance, "bert");
}

/// Asserts that a gradient graph's outputs are the recorded gradients, all of them.
pub(crate) fn assert_gradients(
    manifest: &Manifest,
    found: &BTreeMap<String, Vec<f32>>,
    expected: &BTreeMap<String, Vec<f32>>,
    tolerance: f64,
    what: &str,
) {
    let mut compared = 0;
    for parameter in &manifest.parameters {
        for (part, slice) in split(parameter, &found[&format!("{}.grad", parameter.name)]) {
            compared += 1;
            if part.ends_with("key.bias") || part.ends_with("k_lin.bias") {
                // Its true gradient is 0, softmax being invariant: rounding is all there is to compare.
                let rounding = if tolerance < 1e-2 { 1e-6 } else { tolerance };
                let all = slice.iter().chain(&expected[part]);
                assert!(all.into_iter().all(|&value| f64::from(value).abs() < rounding), "{what}: {part}");
            } else {
                assert_close(slice, &expected[part], tolerance, &format!("{what}: {part}"));
            }
        }
    }
    assert_eq!(compared, expected.len(), "{what}: every parameter has a gradient");
}

/// A graph's tensor by stored part.
pub(crate) fn split<'p>(parameter: &'p Parameter, values: &'p [f32]) -> impl Iterator<Item = (&'p str, &'p [f32])> {
    let mut rest = values;
    parameter.stored.iter().map(move |part| {
        let (slice, left) = rest.split_at(part.shape.iter().product());
        rest = left;
        (part.name.as_str(), slice)
    })
}

#[test]
fn gradients_equal_pytorch() {
    check_gradients(false, |recorded| &recorded.plain, None);
    check_gradients(false, |recorded| &recorded.plain, Some(Precision::Fp32));
}

#[test]
fn gradients_with_dropout_equal_pytorch() {
    check_gradients(true, |recorded| &recorded.dropped, None);
    check_gradients(true, |recorded| &recorded.dropped, Some(Precision::Fp32));
}

#[test]
fn gradients_in_bfloat16_are_near_pytorch() {
    // Where the processor has no bfloat16 the kernels are those of float32, which pass as well.
    check_gradients(false, |recorded| &recorded.plain, Some(Precision::Bf16));
    check_gradients(true, |recorded| &recorded.dropped, Some(Precision::Bf16));
}

#[test]
fn evaluation_equals_pytorch() {
    let recorded = recorded();
    let tiny = Tiny::build(true);
    let batch = Batch::drawn(0, &recorded);
    let mut feeds = batch_feeds(&batch);
    feeds.extend(parameter_feeds(&tiny.manifest, &drawn_weights(&tiny.manifest.parameters)));
    let found = run(&mut open(&tiny.artifacts().join(Manifest::EVAL_MODEL)), feeds);
    assert!((found["loss"][0] - recorded.plain.loss).abs() < LOSS_TOLERANCE);
    let logits: Vec<[f32; 3]> = recorded.plain.logits.as_chunks().0.to_vec();
    assert_close(&found["logits"], batch.sequence_major(&logits).as_flattened(), 2e-6, "logits");
}

#[test]
fn a_batch_without_labels_has_no_loss_and_no_gradient() {
    let recorded = recorded();
    let tiny = Tiny::build(false);
    let mut batch = Batch::drawn(0, &recorded);
    batch.labels.fill(-100);
    let mut feeds = batch_feeds(&batch);
    feeds.extend(parameter_feeds(&tiny.manifest, &drawn_weights(&tiny.manifest.parameters)));
    let found = run(&mut open(&tiny.artifacts().join(Manifest::GRADIENT_MODEL)), feeds);
    let nothing: Vec<_> = found.iter().filter(|(_, values)| values.iter().any(|&value| value != 0.0)).collect();
    assert!(nothing.is_empty(), "{nothing:?}");
}

/// A parameter or moment that lives in one buffer, read and written by each step.
struct Slot {
    tensor: Tensor<f32>,
}

impl Slot {
    fn bind(name: &str, shape: &[usize], values: &[f32], binding: &mut IoBinding) -> Self {
        let mut tensor = Tensor::new(&Allocator::default(), shape.to_vec()).unwrap();
        tensor.extract_tensor_mut().1.copy_from_slice(values);
        binding.bind_input(name, &tensor).unwrap();
        binding.bind_output(format!("{name}.next"), &mut tensor).unwrap();
        Self { tensor }
    }
}

/// Twenty steps in place: clipping acts in some of them, batches are padded, the rate climbs and falls.
#[test]
fn a_training_run_in_place_equals_pytorch() {
    check_run(None);
    check_run(Some(Precision::Fp32));
}

fn check_run(kernels: Option<Precision>) {
    let recorded = recorded();
    let tiny = Tiny::build(false);
    let weights = drawn_weights(&tiny.manifest.parameters);
    let session = &mut open_with(&tiny.artifacts().join(Manifest::TRAINING_MODEL), kernels);
    let mut binding = session.create_binding().unwrap();
    let mut slots = BTreeMap::new();
    let mut moments = Vec::new();
    for parameter in &tiny.manifest.parameters {
        let (name, shape) = (&parameter.name, &parameter.shape);
        let zeros = vec![0.0; shape.iter().product()];
        moments.extend(["m", "v"].map(|m| Slot::bind(&format!("{name}.{m}"), shape, &zeros, &mut binding)));
        let slot = Slot::bind(name, shape, &parameter_values(parameter, &weights), &mut binding);
        slots.insert(name.clone(), slot);
    }
    for output in ["loss", "gradient_norm"] {
        binding.bind_output_to_device(output, &MemoryInfo::default()).unwrap();
    }

    let adamw = AdamW { weight_decay: 0.1, ..AdamW::default() };
    for (index, &rate) in recorded.run.rates.iter().enumerate() {
        let batch = Batch::drawn(index as u64 % 3, &recorded);
        let scalars = tiny.manifest.scalars.iter().zip(adamw.scalars(index as u64 + 1, rate).values());
        let scalars = scalars.map(|(name, value)| crate::session::floats(name, &[], vec![value]));
        let feeds: Vec<_> = batch_feeds(&batch).into_iter().chain(scalars).collect();
        for (name, value) in &feeds {
            binding.bind_input(name.clone(), &**value).unwrap();
        }
        let outputs = session.run_binding(&binding).unwrap();
        let scalar = |name: &str| outputs[name].try_extract_tensor::<f32>().unwrap().1[0];
        let (loss, norm) = (scalar("loss"), scalar("gradient_norm"));
        assert!((loss - recorded.run.losses[index]).abs() < 2.0 * LOSS_TOLERANCE, "step {index}: {loss}");
        assert_close(&[norm], &[recorded.run.norms[index]], 5e-5, &format!("norm of step {index}"));
    }
    for parameter in &tiny.manifest.parameters {
        let values = slots[&parameter.name].tensor.extract_tensor().1;
        for (part, slice) in split(parameter, values).filter(|(part, _)| !part.ends_with("self.key.bias")) {
            assert_close(slice, &recorded.run.parameters[part], 1e-4, part);
        }
    }
}
