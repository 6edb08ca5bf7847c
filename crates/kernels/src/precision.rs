/// What matrices are multiplied in. Sums, and everything else, are float32 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: 24 significant bits.
    Fp32,
    /// Factors rounded to bfloat16 (8 significant bits, to the nearest, ties to even), sums in float32: what PyTorch
    /// calls bf16 autocast.
    Bf16,
}

impl Precision {
    /// Bfloat16 where this processor multiplies it natively (`avx512_bf16`), float32 elsewhere.
    pub fn native() -> Self {
        if Self::Bf16.is_native() { Self::Bf16 } else { Self::Fp32 }
    }

    /// Whether this processor has instructions for it. Bfloat16 is not emulated.
    pub fn is_native(self) -> bool {
        match self {
            Self::Fp32 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Bf16 => crate::product::is_supported(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Bf16 => false,
        }
    }
}
