//! `g(z) = z (1 + erf z)`: GELU of `u = √2 z` is `g(z)/√2`, and the factors belong to the linear layers around it.

use crate::kernel::{floats, guarded, input, output};
use crate::operator::{FLOAT, FloatOperator, shapes_of_inputs};
use crate::vector::{exp_of_negative, vectorised};
use crate::workers::{Parts, Workers};

/// `g(z)`.
pub(crate) const FORWARD: FloatOperator = FloatOperator {
    name: "ErfGate",
    inputs: &[FLOAT],
    optional: false,
    outputs: 1,
    kernel: |_| {
        guarded(|context| {
            let z = input(context, 0)?;
            let (shape, z) = floats(&z)?;
            let mut y = output(context, 0, shape)?;
            let (_, y) = y.try_extract_tensor_mut::<f32>()?;
            in_chunks(Workers::Session(context), y, |start, y| gate(&z[start..start + y.len()], y))
        })
    },
    shapes: |context| shapes_of_inputs(context, &[(0, 0)]),
};

/// `g'(z) · dy`, of `z` and `dy`.
pub(crate) const BACKWARD: FloatOperator = FloatOperator {
    name: "ErfGateGrad",
    inputs: &[FLOAT, FLOAT],
    optional: false,
    outputs: 1,
    kernel: |_| {
        guarded(|context| {
            let (z, dy) = (input(context, 0)?, input(context, 1)?);
            let ((shape, z), (_, dy)) = (floats(&z)?, floats(&dy)?);
            assert_eq!(z.len(), dy.len(), "z and its gradient have one shape");
            let mut dz = output(context, 0, shape)?;
            let (_, dz) = dz.try_extract_tensor_mut::<f32>()?;
            in_chunks(Workers::Session(context), dz, |start, dz| {
                let range = start..start + dz.len();
                gate_slope(&z[range.clone()], &dy[range], dz);
            })
        })
    },
    shapes: |context| shapes_of_inputs(context, &[(0, 0)]),
};

/// Fills `values` chunk by chunk on all threads; the callback is told where its chunk starts.
fn in_chunks(
    workers: Workers<'_>,
    values: &mut [f32],
    fill: impl Fn(usize, &mut [f32]) + Sync + Send,
) -> clinsynth_runtime::ort::Result<()> {
    const CHUNK: usize = 16 * 1024;
    let length = values.len();
    let parts = Parts::of(values);
    workers.run(length.div_ceil(CHUNK), |index| {
        let start = index * CHUNK;
        // SAFETY: chunk by chunk.
        fill(start, unsafe { parts.part(start, CHUNK.min(length - start)) });
    })
}

vectorised! {
    /// `y = g(z)`.
    fn gate = gate_body(z: &[f32], y: &mut [f32])
}

#[inline(always)]
fn gate_body(z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        let (slope, _) = one_plus_erf(z);
        *y = z * slope;
    }
}

vectorised! {
    /// `dz = g'(z) dy`.
    fn gate_slope = gate_slope_body(z: &[f32], dy: &[f32], dz: &mut [f32])
}

#[inline(always)]
fn gate_slope_body(z: &[f32], dy: &[f32], dz: &mut [f32]) {
    for ((dz, &z), &dy) in dz.iter_mut().zip(z).zip(dy) {
        let (slope, density) = one_plus_erf(z);
        *dz = dy * (z * std::f32::consts::FRAC_2_SQRT_PI).mul_add(density, slope);
    }
}

/// `1 + erf z` to 1.5e-7, and `e^(−z²)`. Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 7.1.26:
/// `erfc z = (a₁t + … + a₅t⁵) e^(−z²)` with `t = 1/(1 + pz)` for `z ≥ 0`.
#[inline(always)]
#[allow(clippy::excessive_precision)] // Coefficients as published.
fn one_plus_erf(z: f32) -> (f32, f32) {
    let density = exp_of_negative(-z * z);
    let t = 1.0 / z.abs().mul_add(0.327_591_1, 1.0);
    let mut tail = 1.061_405_429_f32;
    for coefficient in [-1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592] {
        tail = tail.mul_add(t, coefficient);
    }
    let tail = tail * t * density;
    (if z < 0.0 { tail } else { 2.0 - tail }, density)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::needless_range_loop)]
mod tests {
    use super::*;

    /// `1 + erf z` by its Taylor series in double precision, for |z| ≤ 4.
    fn exact(z: f64) -> f64 {
        let mut term = z;
        let mut sum = z;
        for n in 1..200 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        1.0 + std::f64::consts::FRAC_2_SQRT_PI * sum
    }

    #[test]
    fn values_and_slopes() {
        let z: Vec<f32> = (-400..=400).map(|step| step as f32 / 100.0).collect();
        let (mut y, mut slopes) = (vec![0.0; z.len()], vec![0.0; z.len()]);
        gate(&z, &mut y);
        gate_slope(&z, &vec![1.0; z.len()], &mut slopes);
        for ((&z, &y), &slope) in z.iter().zip(&y).zip(&slopes) {
            let z = f64::from(z);
            let value = z * exact(z);
            let derivative = exact(z) + z * std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp();
            assert!((f64::from(y) - value).abs() < 1e-6, "g({z}) = {y}, not {value}");
            assert!((f64::from(slope) - derivative).abs() < 1e-6, "g'({z}) = {slope}, not {derivative}");
        }
    }

    #[test]
    fn far_from_zero() {
        let z = [-100.0, -10.0, 10.0, 100.0];
        let (mut y, mut slopes) = ([1.0; 4], [1.0; 4]);
        gate(&z, &mut y);
        gate_slope(&z, &[1.0; 4], &mut slopes);
        assert_eq!(y.map(|y| y + 0.0), [0.0, 0.0, 20.0, 200.0]);
        assert_eq!(slopes.map(|slope| slope + 0.0), [0.0, 0.0, 2.0, 2.0]);
    }
}
