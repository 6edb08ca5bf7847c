//! One AdamW step on one parameter (Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv
//! 1711.05101), with moments in the scale of `clinsynth_contract::AdamWScalars`:
//! `M ← β₁M + cg`, `V ← β₂V + (cg)²`, `p ← k_decay p − k_update M/(√V + k_epsilon)`, `c` the clipping factor.

use clinsynth_runtime::ort;
use clinsynth_runtime::ort::operator::ComputeContext;
use clinsynth_runtime::ort::value::{DynTensorValueType, TensorElementType, ValueRef};

use crate::host::AdamWStep;
use crate::kernel::{floats, guarded, input, output};
use crate::operator::{FLOAT, FloatOperator, shapes_of_inputs};
use crate::vector::vectorised;
use crate::workers::{Parts, Workers};

/// Elements that a task updates.
const CHUNK: usize = 16 * 1024;

/// Of `p`, `M`, `V`, `g` (one shape) and the scalars `c`, `k_update`, `k_epsilon`, `k_decay`, `β₁`, `β₂`: the new `p`, `M`
/// and `V`, which may take the place of the old.
pub(crate) const DENSE: FloatOperator = FloatOperator {
    name: "AdamW",
    inputs: &[FLOAT; 10],
    optional: false,
    outputs: 3,
    kernel: |_| {
        guarded(|context| {
            let gradient = input(context, 3)?;
            let (_, gradient) = floats(&gradient)?;
            let scalars = read_scalars(context, 4)?;
            update(context, |workers, [p, m, v]| {
                assert_eq!(gradient.len(), p.len(), "a gradient has its parameter's shape");
                let length = p.len();
                let [p, m, v] = [p, m, v].map(Parts::of);
                workers.run(length.div_ceil(CHUNK), |index| {
                    let start = index * CHUNK;
                    let count = CHUNK.min(length - start);
                    // SAFETY: chunk by chunk.
                    let [p, m, v] = [p, m, v].map(|parts| unsafe { parts.part(start, count) });
                    dense_step(&gradient[start..start + count], scalars, p, m, v);
                })
            })
        })
    },
    shapes: |context| shapes_of_inputs(context, &[(0, 0), (1, 1), (2, 2)]),
};

/// The same for a gradient that is zero but for the rows `g` `[U, features]` at the distinct `indices` `[U, 1]`, which
/// stand before the scalars.
pub(crate) const ROWS: FloatOperator = FloatOperator {
    name: "AdamWRows",
    inputs: &[FLOAT, FLOAT, FLOAT, FLOAT, TensorElementType::Int64, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT],
    optional: false,
    outputs: 3,
    kernel: |_| {
        let mut places = Vec::new();
        guarded(move |context| {
            let (gradient, indices) = (input(context, 3)?, input(context, 4)?);
            let (_, gradient) = floats(&gradient)?;
            let (_, indices) = indices.try_extract_tensor::<i64>()?;
            let scalars = read_scalars(context, 5)?;
            let features = gradient.len() / indices.len().max(1);
            update(context, |workers, values| {
                rows_step(workers, gradient, indices, features, scalars, values, &mut places)
            })
        })
    },
    shapes: |context| shapes_of_inputs(context, &[(0, 0), (1, 1), (2, 2)]),
};

/// The six scalars from input `first` on.
fn read_scalars(context: &ComputeContext, first: usize) -> ort::Result<AdamWStep> {
    let scalar = |index| {
        let value = input(context, first + index)?;
        let (_, value) = floats(&value)?;
        value.first().copied().ok_or_else(|| ort::Error::new("a scalar is empty"))
    };
    Ok(AdamWStep {
        clip: scalar(0)?,
        update: scalar(1)?,
        epsilon: scalar(2)?,
        decay: scalar(3)?,
        beta1: scalar(4)?,
        beta2: scalar(5)?,
    })
}

/// Runs `step` on the outputs, which hold the old values to begin with.
fn update(
    context: &ComputeContext,
    step: impl FnOnce(Workers<'_>, [&mut [f32]; 3]) -> ort::Result<()>,
) -> ort::Result<()> {
    let inputs = [input(context, 0)?, input(context, 1)?, input(context, 2)?];
    let mut outputs = inputs.iter().enumerate().map(|(index, old)| {
        let shape: Vec<i64> = old.shape().to_vec();
        output(context, index, &shape)
    });
    let (Some(p), Some(m), Some(v)) = (outputs.next(), outputs.next(), outputs.next()) else { return Ok(()) };
    let (mut p, mut m, mut v) = (p?, m?, v?);
    let [p, m, v] = [&mut p, &mut m, &mut v].map(|value| value.try_extract_tensor_mut::<f32>());
    let mut values = [p?.1, m?.1, v?.1];
    for (old, new) in inputs.into_iter().zip(&mut values) {
        carry_over(old, new)?;
    }
    step(Workers::Session(context), values)
}

/// Copies the old values unless they are in the same memory: bound in place, one tensor is input and output, and is then
/// looked at through the output alone.
fn carry_over(old: ValueRef<'_>, new: &mut [f32]) -> ort::Result<()> {
    let old = old.downcast::<DynTensorValueType>()?;
    if std::ptr::eq(old.data_ptr().cast::<f32>(), new.as_ptr()) {
        return Ok(());
    }
    let (_, old) = old.try_extract_tensor::<f32>()?;
    new.copy_from_slice(old);
    Ok(())
}

fn rows_step(
    workers: Workers<'_>,
    gradient: &[f32],
    indices: &[i64],
    features: usize,
    scalars: AdamWStep,
    [p, m, v]: [&mut [f32]; 3],
    places: &mut Vec<u32>,
) -> ort::Result<()> {
    if features == 0 {
        return Ok(());
    }
    let rows = p.len() / features;
    places.clear();
    places.resize(rows, u32::MAX);
    for (place, &row) in indices.iter().enumerate() {
        places[usize::try_from(row).map_err(|_| ort::Error::new("a row's index is negative"))?] = place as u32;
    }
    let places = &*places;
    let rows_of_task = (CHUNK / features).max(1);
    let [p, m, v] = [p, m, v].map(Parts::of);
    workers.run(rows.div_ceil(rows_of_task), |index| {
        let first = index * rows_of_task;
        for (row, &place) in places.iter().enumerate().skip(first).take(rows_of_task) {
            // SAFETY: row by row.
            let [p, m, v] = [p, m, v].map(|parts| unsafe { parts.part(row * features, features) });
            match place {
                u32::MAX => idle_step(scalars, p, m, v),
                place => dense_step(&gradient[place as usize * features..][..features], scalars, p, m, v),
            }
        }
    })
}

vectorised! {
    /// A step by a gradient.
    pub(crate) fn dense_step = dense_body(gradient: &[f32], scalars: AdamWStep, p: &mut [f32], m: &mut [f32], v: &mut [f32])
}

#[inline(always)]
fn dense_body(gradient: &[f32], scalars: AdamWStep, p: &mut [f32], m: &mut [f32], v: &mut [f32]) {
    for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(gradient) {
        step_element(scalars, g * scalars.clip, p, m, v);
    }
}

vectorised! {
    /// A step where the gradient is zero.
    fn idle_step = idle_body(scalars: AdamWStep, p: &mut [f32], m: &mut [f32], v: &mut [f32])
}

#[inline(always)]
fn idle_body(scalars: AdamWStep, p: &mut [f32], m: &mut [f32], v: &mut [f32]) {
    for ((p, m), v) in p.iter_mut().zip(m).zip(v) {
        step_element(scalars, 0.0, p, m, v);
    }
}

#[inline(always)]
fn step_element(scalars: AdamWStep, g: f32, p: &mut f32, m: &mut f32, v: &mut f32) {
    *m = m.mul_add(scalars.beta1, g);
    *v = g.mul_add(g, *v * scalars.beta2);
    *p = *p * scalars.decay - *m / (v.sqrt() + scalars.epsilon) * scalars.update;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::needless_range_loop)]
mod tests {
    use super::*;

    const SCALARS: AdamWStep =
        AdamWStep { clip: 0.5, update: 0.1, epsilon: 1e-3, decay: 0.99, beta1: 0.9, beta2: 0.999 };

    #[test]
    fn a_step_by_hand() {
        let (mut p, mut m, mut v) = ([2.0], [1.0], [4.0]);
        dense_step(&[6.0], SCALARS, &mut p, &mut m, &mut v);
        let (wanted_m, wanted_v): (f64, f64) = (0.9 + 3.0, 4.0 * 0.999 + 9.0);
        let wanted_p = 2.0 * 0.99 - wanted_m / (wanted_v.sqrt() + 1e-3) * 0.1;
        for (found, wanted) in [(p[0], wanted_p), (m[0], wanted_m), (v[0], wanted_v)] {
            assert!((f64::from(found) - wanted).abs() < 1e-6, "{found}, not {wanted}");
        }
    }

    #[test]
    fn rows_equal_a_dense_gradient_with_zeros() {
        let (rows, features) = (5, 3);
        let start = || -> [Vec<f32>; 3] {
            [1, 2, 3].map(|seed| (0..rows * features).map(|index| (index * seed % 7) as f32 / 7.0).collect())
        };
        let (gradient, indices) = ([0.5, -1.0, 2.0, 0.25, 0.0, -3.0], [4, 1]);
        let mut dense = vec![0.0; rows * features];
        dense[12..15].copy_from_slice(&gradient[..3]);
        dense[3..6].copy_from_slice(&gradient[3..]);
        let [mut p, mut m, mut v] = start();
        dense_step(&dense, SCALARS, &mut p, &mut m, &mut v);
        let [mut p2, mut m2, mut v2] = start();
        let values = [&mut p2[..], &mut m2[..], &mut v2[..]];
        rows_step(Workers::Caller, &gradient, &indices, features, SCALARS, values, &mut Vec::new()).unwrap();
        assert_eq!([p2, m2, v2], [p, m, v]);
    }
}
