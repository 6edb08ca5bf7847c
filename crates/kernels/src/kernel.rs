//! What every kernel needs of its context.

use std::panic::{AssertUnwindSafe, catch_unwind};

use clinsynth_runtime::ort;
use clinsynth_runtime::ort::operator::ComputeContext;
use clinsynth_runtime::ort::value::{ValueRef, ValueRefMut};

/// A kernel's computation.
pub(crate) type Compute = Box<dyn FnMut(&ComputeContext) -> ort::Result<()> + Send>;

/// Turns a panic into an error of the operator: unwinding into the library would end the process.
pub(crate) fn guarded(mut compute: impl FnMut(&ComputeContext) -> ort::Result<()> + Send + 'static) -> Compute {
    Box::new(move |context| {
        catch_unwind(AssertUnwindSafe(|| compute(context)))
            .unwrap_or_else(|_| Err(ort::Error::new("a kernel panicked")))
    })
}

/// A required input.
pub(crate) fn input(context: &ComputeContext, index: usize) -> ort::Result<ValueRef<'_>> {
    context.input(index)?.ok_or_else(|| ort::Error::new(format!("input {index} is missing")))
}

/// Shape and elements of a float32 tensor.
pub(crate) fn floats<'v>(value: &'v ValueRef<'_>) -> ort::Result<(&'v [i64], &'v [f32])> {
    let (shape, values) = value.try_extract_tensor::<f32>()?;
    Ok((shape, values))
}

/// A required output, made in this shape.
pub(crate) fn output<'c>(context: &'c ComputeContext, index: usize, shape: &[i64]) -> ort::Result<ValueRefMut<'c>> {
    context.output(index, shape.to_vec())?.ok_or_else(|| ort::Error::new(format!("output {index} is not wanted")))
}
