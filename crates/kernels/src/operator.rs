use std::sync::atomic::{AtomicUsize, Ordering};

use clinsynth_runtime::ort;
use clinsynth_runtime::ort::operator::{
    KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput, ShapeInferenceContext,
};
use clinsynth_runtime::ort::value::{TensorElementType, ValueType};

use crate::kernel::Compute;
use crate::{Precision, adamw, gelu, layer_norm};

/// The kernels of the domain `clinsynth`, for a session that is to run training graphs. With [`Precision::Fp32`] matrix
/// products stay with the library, whose float32 kernels are the best there are.
///
/// Errors: ONNX Runtime refuses the domain.
pub fn operators(precision: Precision) -> ort::Result<OperatorDomain> {
    let domain = OperatorDomain::new("clinsynth")?
        .add(gelu::FORWARD)?
        .add(gelu::BACKWARD)?
        .add(layer_norm::BACKWARD)?
        .add(adamw::DENSE)?
        .add(adamw::ROWS)?;
    match precision {
        #[cfg(target_arch = "x86_64")]
        Precision::Bf16 if precision.is_native() => domain.add(crate::matrix_product::OPERATOR),
        _ => Ok(domain),
    }
}

/// An operator on float32 tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatOperator {
    /// Its name in the domain.
    pub(crate) name: &'static str,
    /// Types of its inputs; the last may be left out if `optional`.
    pub(crate) inputs: &'static [TensorElementType],
    /// Whether the last input may be left out.
    pub(crate) optional: bool,
    /// Number of its outputs.
    pub(crate) outputs: usize,
    /// Makes the computation of one node.
    pub(crate) kernel: for<'n> fn(&KernelContext<'n>) -> Compute,
    /// Says what shapes come out of the shapes that go in, as far as it is known.
    pub(crate) shapes: fn(&mut ShapeInferenceContext) -> ort::Result<()>,
}

/// For lists of [`FloatOperator::inputs`].
pub(crate) const FLOAT: TensorElementType = TensorElementType::Float32;

impl Operator for FloatOperator {
    type Kernel<'attr> = Compute;

    fn name(&self) -> &str {
        self.name
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        let last = self.inputs.len() - 1;
        self.inputs.iter().enumerate().map(move |(index, &element)| {
            if self.optional && index == last {
                OperatorInput::optional(element)
            } else {
                OperatorInput::required(element)
            }
        })
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        (0..self.outputs).map(|_| OperatorOutput::required(FLOAT))
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        Ok((self.kernel)(node))
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        (self.shapes)(context)
    }
}

/// The first of each pair, an output, has the shape of the second, an input. An input of unknown rank looks like one of
/// rank 0 here, so nothing is said of its output; none of our tensors is a scalar.
pub(crate) fn shapes_of_inputs(context: &mut ShapeInferenceContext, pairs: &[(usize, usize)]) -> ort::Result<()> {
    let inputs = context.inputs();
    for &(output, input) in pairs {
        if let Some(ValueType::Tensor { shape, dimension_symbols, .. }) = inputs.get(input)
            && !shape.is_empty()
        {
            let sides = shape.iter().copied().zip(dimension_symbols.iter().cloned());
            context.set_output(output, &tensor_type(sides))?;
        }
    }
    Ok(())
}

/// The type of a float32 tensor with these sides: a size, or −1 and a symbol. An unknown side without a symbol gets one of
/// its own: the library would take −1 for a size, and find it at odds with the true one.
pub(crate) fn tensor_type(sides: impl Iterator<Item = (i64, String)>) -> ValueType {
    static UNKNOWN: AtomicUsize = AtomicUsize::new(0);
    let named = |(size, symbol): (i64, String)| match size {
        -1 if symbol.is_empty() => (size, format!("unknown_{}", UNKNOWN.fetch_add(1, Ordering::Relaxed))),
        _ => (size, symbol),
    };
    let (sizes, symbols): (Vec<i64>, Vec<String>) = sides.map(named).unzip();
    ValueType::Tensor { ty: FLOAT, shape: sizes.into(), dimension_symbols: symbols.into_iter().collect() }
}
