//! One loop compiled for several instruction sets, and the functions that such loops need.

/// Floats that a loop body takes at a time.
pub(crate) const LANES: usize = 16;

/// Defines `$name`, which runs `$body` (an `#[inline(always)]` function of the same parameters) compiled for the widest
/// vectors that the processor has.
macro_rules! vectorised {
    ($(#[$doc:meta])* $visibility:vis fn $name:ident = $body:ident($($argument:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        $visibility fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
                fn avx512($($argument: $type),*) { $body($($argument),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) { $body($($argument),*) }
                if $crate::vector::has_avx512() {
                    // SAFETY: the processor has the instructions.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the processor has the instructions.
                    return unsafe { avx2($($argument),*) };
                }
            }
            $body($($argument),*)
        }
    };
}
pub(crate) use vectorised;

/// Whether the processor has what `vectorised!` asks of it for its widest form.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("fma")
}

/// `eˣ` for `x ≤ 0`, to 2 units in the last place; 0 below −87. After Cephes' `expf`: `x = n ln 2 + r`, a polynomial of
/// degree 7 in `r`, and `2ⁿ` by the exponent's bits.
#[inline(always)]
#[allow(clippy::excessive_precision)] // Coefficients as published.
pub(crate) fn exp_of_negative(x: f32) -> f32 {
    const LEAST: f32 = -87.0;
    let x = x.max(LEAST);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    // ln 2 in two parts, the first of few bits, so that the first product is exact.
    let r = n.mul_add(-0.693_359_375, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.987_569_15e-4_f32;
    for coefficient in
        [1.398_199_950_7e-3, 8.333_451_907_3e-3, 4.166_579_589_4e-2, 1.666_666_545_9e-1, 5.000_000_120_1e-1]
    {
        p = p.mul_add(r, coefficient);
    }
    let p = p.mul_add(r * r, r) + 1.0;
    // `n` lies between −126 and 0, so the biased exponent is a normal number's.
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    if x > LEAST { p * power } else { 0.0 }
}
