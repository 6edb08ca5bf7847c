use serde::{Deserialize, Serialize};

/// AdamW as PyTorch runs it (Loshchilov and Hutter 2019; `torch.optim.AdamW`), after clipping by the global norm.
///
/// With gradient `g`, step `t` from 1, `b1 = 1 - beta1^t` and `b2 = 1 - beta2^t`:
///
/// ```text
/// g ← g · min(1, max_gradient_norm / (‖all g‖ + 1e-6))
/// m ← beta1 · m + (1 - beta1) · g              v ← beta2 · v + (1 - beta2) · g²
/// p ← p · (1 - lr · weight_decay) - lr · (m / b1) / (√(v / b2) + epsilon)
/// ```
///
/// Parameters without decay (biases and layer norms) skip the factor on `p`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// Decay of the first moment, 0.9.
    pub beta1: f64,
    /// Decay of the second moment, 0.999.
    pub beta2: f64,
    /// Added to the root of the second moment, 1e-8.
    pub epsilon: f64,
    /// Decoupled weight decay, 0.01.
    pub weight_decay: f64,
    /// Greatest global gradient norm, 1; infinity clips nothing.
    pub max_gradient_norm: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01, max_gradient_norm: 1.0 }
    }
}

/// The scalar inputs of the training graph for one step.
///
/// The graph keeps the moments scaled, `M = m / (1 - beta1)` and `V = v / (1 - beta2)` (a checkpoint holds the true
/// `m` and `v`), so that one step on a clipped gradient `g` is
///
/// ```text
/// M ← beta1 · M + g         V ← beta2 · V + g²         p ← k_decay · p - k_update · M / (√V + k_epsilon)
/// ```
///
/// which equals [`AdamW`]'s formula, `r = √(b2 / (1 - beta2))`, for
///
/// ```text
/// k_update = lr · (1 - beta1) / b1 · r         k_epsilon = epsilon · r         k_decay = 1 - lr · weight_decay
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWScalars {
    /// Factor of the normalised moment.
    pub k_update: f32,
    /// Term of the denominator.
    pub k_epsilon: f32,
    /// Factor of a decayed parameter.
    pub k_decay: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Greatest global gradient norm.
    pub max_gradient_norm: f32,
}

impl AdamW {
    /// PyTorch's `clip_grad_norm_` adds this to the norm before it divides.
    pub const CLIP_EPSILON: f64 = 1e-6;

    /// The factor of every gradient, at most 1, for a global gradient norm.
    pub fn clip_factor(&self, norm: f64) -> f64 {
        (self.max_gradient_norm / (norm + Self::CLIP_EPSILON)).min(1.0)
    }

    /// What the training graph takes at step `step` (from 1) with this learning rate.
    pub fn scalars(&self, step: u64, learning_rate: f64) -> AdamWScalars {
        let correction1 = 1.0 - self.beta1.powf(step as f64);
        let correction2 = 1.0 - self.beta2.powf(step as f64);
        let ratio = (correction2 / (1.0 - self.beta2)).sqrt();
        AdamWScalars {
            k_update: (learning_rate * (1.0 - self.beta1) / correction1 * ratio) as f32,
            k_epsilon: (self.epsilon * ratio) as f32,
            k_decay: (1.0 - learning_rate * self.weight_decay) as f32,
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            max_gradient_norm: self.max_gradient_norm as f32,
        }
    }
}

impl AdamWScalars {
    /// The graph's names of the scalars, in the order of its inputs ([`Manifest::scalars`](crate::Manifest::scalars)).
    pub const NAMES: [&'static str; 6] = ["k_update", "k_epsilon", "k_decay", "beta1", "beta2", "max_gradient_norm"];

    /// The values in the order of [`Self::NAMES`].
    pub const fn values(&self) -> [f32; 6] {
        [self.k_update, self.k_epsilon, self.k_decay, self.beta1, self.beta2, self.max_gradient_norm]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One parameter by the textbook formula and by the scaled one.
    #[test]
    fn scaled_moments_follow_the_textbook() {
        let adamw = AdamW { weight_decay: 0.1, ..AdamW::default() };
        let (mut p, mut m, mut v) = (0.7_f64, 0.0_f64, 0.0_f64);
        let (mut scaled_p, mut scaled_m, mut scaled_v) = (p, 0.0_f64, 0.0_f64);
        for step in 1..=50_u64 {
            let (gradient, rate) = ((step as f64).sin(), 1e-2 / step as f64);
            m = adamw.beta1 * m + (1.0 - adamw.beta1) * gradient;
            v = adamw.beta2 * v + (1.0 - adamw.beta2) * gradient * gradient;
            let corrected_m = m / (1.0 - adamw.beta1.powf(step as f64));
            let corrected_v = v / (1.0 - adamw.beta2.powf(step as f64));
            p = p * (1.0 - rate * adamw.weight_decay) - rate * corrected_m / (corrected_v.sqrt() + adamw.epsilon);

            let k = adamw.scalars(step, rate);
            scaled_m = adamw.beta1 * scaled_m + gradient;
            scaled_v = adamw.beta2 * scaled_v + gradient * gradient;
            scaled_p = f64::from(k.k_decay) * scaled_p
                - f64::from(k.k_update) * scaled_m / (scaled_v.sqrt() + f64::from(k.k_epsilon));
            assert!((p - scaled_p).abs() < 1e-6, "step {step}: {p} and {scaled_p}");
        }
    }

    #[test]
    fn first_step_by_hand() {
        let scalars = AdamW::default().scalars(1, 1e-3);
        let expected: [f32; 6] = [1e-3, 1e-8, 0.999_99, 0.9, 0.999, 1.0];
        assert_eq!(scalars.values().map(f32::to_bits), expected.map(f32::to_bits));
    }
}
