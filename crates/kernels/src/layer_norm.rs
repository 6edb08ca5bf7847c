//! The gradient of layer normalisation `y = scale · x̂ + bias`, `x̂ = (x − μ)/σ` for each token.
//!
//! With `g = scale · dy`: `dx = (g − mean(g) − x̂ mean(g x̂))/σ`, `dscale = Σ dy x̂`, `dbias = Σ dy` over the tokens
//! (Ba et al., Layer Normalization, 2016, arXiv 1607.06450; differentiated).

use clinsynth_runtime::ort;

use crate::kernel::{floats, guarded, input, output};
use crate::operator::{FLOAT, FloatOperator, shapes_of_inputs};
use crate::vector::{LANES, vectorised};
use crate::workers::{Parts, Workers};

/// Tokens whose parameter gradients a task sums up. Fixed, and the tasks' sums are added in their order: the result does
/// not depend on threads.
const BLOCK: usize = 32;

/// Of `dy`, `x` `[tokens, features]`, `scale` `[features]`, `μ`, `1/σ` `[tokens, 1]`: `dx`, `dscale`, `dbias`.
pub(crate) const BACKWARD: FloatOperator = FloatOperator {
    name: "LayerNormalizationGrad",
    inputs: &[FLOAT; 5],
    optional: false,
    outputs: 3,
    kernel: |_| {
        let mut sums = Vec::new();
        guarded(move |context| {
            let inputs = [0, 1, 2, 3, 4].map(|index| input(context, index));
            let [dy, x, scale, mean, inverse] = inputs;
            let [dy, x, scale, mean, inverse] = [dy?, x?, scale?, mean?, inverse?];
            let (shape, dy) = floats(&dy)?;
            let (features, scale) = floats(&scale)?;
            let tokens = Tokens { dy, x: floats(&x)?.1, scale, mean: floats(&mean)?.1, inverse: floats(&inverse)?.1 };
            let mut outputs =
                [output(context, 0, shape)?, output(context, 1, features)?, output(context, 2, features)?];
            let [dx, dscale, dbias] = &mut outputs;
            let (_, dx) = dx.try_extract_tensor_mut::<f32>()?;
            let (_, dscale) = dscale.try_extract_tensor_mut::<f32>()?;
            let (_, dbias) = dbias.try_extract_tensor_mut::<f32>()?;
            tokens.differentiate(Workers::Session(context), dx, dscale, dbias, &mut sums)
        })
    },
    shapes: |context| shapes_of_inputs(context, &[(0, 0), (1, 2), (2, 2)]),
};

/// What is given.
#[derive(Clone, Copy)]
struct Tokens<'t> {
    dy: &'t [f32],
    x: &'t [f32],
    scale: &'t [f32],
    mean: &'t [f32],
    inverse: &'t [f32],
}

impl Tokens<'_> {
    fn differentiate(
        self,
        workers: Workers<'_>,
        dx: &mut [f32],
        dscale: &mut [f32],
        dbias: &mut [f32],
        sums: &mut Vec<f32>,
    ) -> ort::Result<()> {
        let (features, tokens) = (self.scale.len(), self.mean.len());
        let all = tokens * features;
        assert_eq!([self.dy.len(), self.x.len(), self.inverse.len()], [all, all, tokens], "the tensors fit together");
        let blocks = tokens.div_ceil(BLOCK);
        sums.clear();
        sums.resize(blocks * 2 * features, 0.0);
        let (block_sums, dx) = (Parts::of(sums), Parts::of(dx));
        workers.run(blocks, |index| {
            let first = index * BLOCK;
            let count = BLOCK.min(tokens - first);
            // SAFETY: block by block.
            let (sums, dx) = unsafe {
                (block_sums.part(index * 2 * features, 2 * features), dx.part(first * features, count * features))
            };
            let (dscale, dbias) = sums.split_at_mut(features);
            for (token, dx) in (first..).zip(dx.chunks_exact_mut(features)) {
                let row = token * features..(token + 1) * features;
                let moments = [self.mean[token], self.inverse[token]];
                token_gradient(&self.dy[row.clone()], &self.x[row], self.scale, moments, dx, dscale, dbias);
            }
        })?;
        dscale.fill(0.0);
        dbias.fill(0.0);
        for block in sums.chunks_exact(2 * features) {
            let (scale, bias) = block.split_at(features);
            dscale.iter_mut().zip(scale).for_each(|(sum, part)| *sum += part);
            dbias.iter_mut().zip(bias).for_each(|(sum, part)| *sum += part);
        }
        Ok(())
    }
}

vectorised! {
    /// One token's `dx`, and its part of `dscale` and `dbias`; `moments` are `μ` and `1/σ`.
    fn token_gradient = token_gradient_body(
        dy: &[f32], x: &[f32], scale: &[f32], moments: [f32; 2], dx: &mut [f32], dscale: &mut [f32], dbias: &mut [f32],
    )
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // Six slices and an array at one index: zipped, the loop is no longer vectorised.
fn token_gradient_body(
    dy: &[f32],
    x: &[f32],
    scale: &[f32],
    [mean, inverse]: [f32; 2],
    dx: &mut [f32],
    dscale: &mut [f32],
    dbias: &mut [f32],
) {
    let features = x.len();
    let (dy, scale, dx) = (&dy[..features], &scale[..features], &mut dx[..features]);
    let (dscale, dbias) = (&mut dscale[..features], &mut dbias[..features]);
    let mut sums = [[0.0_f32; LANES]; 2];
    let whole = features - features % LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            let index = start + lane;
            let normal = (x[index] - mean) * inverse;
            let g = dy[index] * scale[index];
            sums[0][lane] += g;
            sums[1][lane] = g.mul_add(normal, sums[1][lane]);
        }
    }
    for index in whole..features {
        let g = dy[index] * scale[index];
        sums[0][0] += g;
        sums[1][0] = g.mul_add((x[index] - mean) * inverse, sums[1][0]);
    }
    let share = 1.0 / features as f32;
    let [level, slope] = sums.map(|lanes| lanes.iter().sum::<f32>() * share);
    for index in 0..features {
        let normal = (x[index] - mean) * inverse;
        let g = dy[index] * scale[index];
        dx[index] = inverse * (g - level - normal * slope);
        dscale[index] = dy[index].mul_add(normal, dscale[index]);
        dbias[index] += dy[index];
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::needless_range_loop)]
mod tests {
    use super::*;

    /// `Σ dy · layer_norm(x)` in double precision.
    fn objective(x: &[f64], scale: &[f64], bias: &[f64], dy: &[f64]) -> f64 {
        let features = scale.len();
        let mut sum = 0.0;
        for (x, dy) in x.chunks(features).zip(dy.chunks(features)) {
            let mean = x.iter().sum::<f64>() / features as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / features as f64;
            for ((x, dy), (scale, bias)) in x.iter().zip(dy).zip(scale.iter().zip(bias)) {
                sum += dy * (scale * (x - mean) / variance.sqrt() + bias);
            }
        }
        sum
    }

    #[test]
    fn equals_differences_for_sizes_of_every_kind() {
        for (tokens, features) in [(1, 3), (3, 16), (70, 21)] {
            let draw = |seed: usize, count: usize| -> Vec<f32> {
                (0..count).map(|index| ((index * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
            };
            let all = tokens * features;
            let (x, dy, scale) = (draw(1, all), draw(2, all), draw(3, features));
            let double = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
            let (x64, dy64, scale64, bias64) = (double(&x), double(&dy), double(&scale), vec![0.0; features]);
            let moments = |x: &[f64]| {
                let mean = x.iter().sum::<f64>() / features as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / features as f64;
                (mean as f32, (1.0 / variance.sqrt()) as f32)
            };
            let (mean, inverse): (Vec<f32>, Vec<f32>) = x64.chunks(features).map(moments).unzip();
            let given = Tokens { dy: &dy, x: &x, scale: &scale, mean: &mean, inverse: &inverse };
            let (mut dx, mut dscale, mut dbias) = (vec![9.0; all], vec![9.0; features], vec![9.0; features]);
            given.differentiate(Workers::Caller, &mut dx, &mut dscale, &mut dbias, &mut Vec::new()).unwrap();
            let step = 1e-5;
            let slope = |change: &dyn Fn(f64) -> f64| (change(step) - change(-step)) / (2.0 * step);
            let moved = |values: &[f64], index: usize, by: f64| {
                let mut values = values.to_vec();
                values[index] += by;
                values
            };
            let close = |found: f32, wanted: f64, what: &str| {
                assert!(
                    (f64::from(found) - wanted).abs() < 2e-4 * wanted.abs().max(1.0),
                    "{what}: {found}, not {wanted}"
                );
            };
            for index in 0..all.min(60) {
                let wanted = slope(&|by| objective(&moved(&x64, index, by), &scale64, &bias64, &dy64));
                close(dx[index], wanted, "dx");
            }
            for index in 0..features {
                close(
                    dscale[index],
                    slope(&|by| objective(&x64, &moved(&scale64, index, by), &bias64, &dy64)),
                    "dscale",
                );
                close(dbias[index], slope(&|by| objective(&x64, &scale64, &moved(&bias64, index, by), &dy64)), "dbias");
            }
        }
    }
}
