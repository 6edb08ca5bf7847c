use clinsynth_runtime::ort;
use clinsynth_runtime::ort::operator::OperatorDomain;

use crate::Precision;
#[cfg(target_arch = "x86_64")]
use crate::matrix_product::MatrixProduct;

/// The kernels of the domain `clinsynth`, for a session that is to run training graphs. With [`Precision::Fp32`] matrix
/// products stay with the library, whose float32 kernels are the best there are.
///
/// Errors: ONNX Runtime refuses the domain.
pub fn operators(precision: Precision) -> ort::Result<OperatorDomain> {
    let domain = OperatorDomain::new("clinsynth")?;
    match precision {
        #[cfg(target_arch = "x86_64")]
        Precision::Bf16 if precision.is_native() => domain.add(MatrixProduct::default()),
        _ => Ok(domain),
    }
}
