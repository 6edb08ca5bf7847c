//! Quantiles of the normal and of Student's t distribution.

use std::f64::consts::{FRAC_1_PI, FRAC_1_SQRT_2};

/// Probability that a standard normal variable is at most `z`.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The `z` below which a share of a standard normal variable lies; infinite at 0 and 1.
pub(crate) fn normal_quantile(share: f64) -> f64 {
    invert(normal_cdf, share)
}

/// The `t` below which a share of Student's t distribution with `freedom` degrees of freedom (1 or more) lies.
pub(crate) fn t_quantile(share: f64, freedom: u32) -> f64 {
    invert(|t| f64::midpoint(1.0, t_central(t, freedom)), share)
}

/// Probability between `-t` and `t`, with the sign of `t`, by the finite sums for whole degrees of freedom (Abramowitz and
/// Stegun 1964, 26.7.3 and 26.7.4).
fn t_central(t: f64, freedom: u32) -> f64 {
    let root = f64::from(freedom).sqrt();
    let angle = (t / root).atan();
    let (sine, cosine) = (t / root.hypot(t), root / root.hypot(t));
    let odd = freedom % 2;
    let mut term = if odd == 1 { cosine } else { 1.0 };
    let mut sum = 0.0;
    for power in (2 + odd..=freedom).step_by(2) {
        sum += term;
        term *= cosine * cosine * f64::from(power - 1) / f64::from(power);
    }
    if odd == 1 { 2.0 * FRAC_1_PI * (angle + sine * sum) } else { sine * sum }
}

/// Bisection down to neighbouring numbers, in the lower half, where `cdf` keeps its precision. The distribution is
/// symmetric about 0.
fn invert(cdf: impl Fn(f64) -> f64, share: f64) -> f64 {
    if share > 0.5 {
        return -invert(cdf, 1.0 - share);
    }
    if share <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let (mut low, mut high) = (-1.0, 0.0);
    while cdf(low) > share {
        low *= 2.0;
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if cdf(middle) < share { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy.stats.norm.ppf and scipy.stats.t.ppf.
        let normal = [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (0.1, -1.281_551_565_544_600_4),
            (1e-9, -5.997_807_015_007_686),
        ];
        for (share, expected) in normal {
            assert!((normal_quantile(share) - expected).abs() < 1e-12, "{share}: {}", normal_quantile(share));
        }
        let student = [
            (0.975, 1, 12.706_204_736_432_095),
            (0.975, 2, 4.302_652_729_911_275),
            (0.975, 4, 2.776_445_105_198_054),
            (0.95, 9, 1.833_112_932_653_634),
            (0.995, 30, 2.749_995_653_567_231),
        ];
        for (share, freedom, expected) in student {
            let found = t_quantile(share, freedom);
            assert!((found - expected).abs() < 1e-9, "{share} {freedom}: {found}");
        }
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
