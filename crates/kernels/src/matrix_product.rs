use std::sync::{Mutex, PoisonError};

use clinsynth_runtime::ort;
use clinsynth_runtime::ort::operator::{KernelContext, ShapeInferenceContext};
use clinsynth_runtime::ort::value::ValueType;

use crate::kernel::{Compute, floats, guarded, input, output};
use crate::operator::{FLOAT, FloatOperator, tensor_type};
use crate::product::{Addend, Line, Product};
use crate::workers::Workers;

/// ONNX's `Gemm` in bfloat16.
pub(crate) const OPERATOR: FloatOperator =
    FloatOperator { name: "MatrixProduct", inputs: &[FLOAT; 3], optional: true, outputs: 1, kernel, shapes };

/// One for all nodes, which run one after the other: a step multiplies matrices at dozens of places.
static SCRATCH: Mutex<Vec<Line>> = Mutex::new(Vec::new());

fn kernel(node: &KernelContext<'_>) -> Compute {
    let flag = |name| node.get::<i64>(name).is_some_and(|value| value != 0);
    let factor = |name| node.get::<f32>(name).unwrap_or(1.0);
    let (transposed_a, transposed_b) = (flag("transA"), flag("transB"));
    let (alpha, beta) = (factor("alpha"), factor("beta"));
    guarded(move |context| {
        let (a, b, c) = (input(context, 0)?, input(context, 1)?, context.input(2)?);
        let ((a_shape, a), (b_shape, b)) = (floats(&a)?, floats(&b)?);
        let [rows, depth] = sides(a_shape, transposed_a)?;
        let [b_depth, columns] = sides(b_shape, transposed_b)?;
        if depth != b_depth {
            return Err(ort::Error::new(format!("cannot multiply {a_shape:?} by {b_shape:?}")));
        }
        let c = c.as_ref().map(floats).transpose()?;
        let addend = match c {
            None => Addend::None,
            Some((shape, row)) if shape.len() == 1 => Addend::Row(row),
            Some((_, matrix)) => Addend::Matrix(matrix),
        };
        let product = Product { rows, columns, depth, transposed_a, transposed_b, alpha, beta };
        let mut output = output(context, 0, &[rows as i64, columns as i64])?;
        let (_, y) = output.try_extract_tensor_mut::<f32>()?;
        let mut scratch = SCRATCH.lock().unwrap_or_else(PoisonError::into_inner);
        product.compute(Workers::Session(context), [a, b], addend, y, &mut scratch)
    })
}

fn shapes(context: &mut ShapeInferenceContext) -> ort::Result<()> {
    let inputs = context.inputs();
    let side = |index: usize, attribute: &str, first: usize| match inputs.get(index) {
        Some(ValueType::Tensor { shape, dimension_symbols, .. }) if shape.len() == 2 => {
            let transposed = context.attr::<i64>(attribute).is_ok_and(|value| value != 0);
            let side = if transposed { 1 - first } else { first };
            Some((shape[side], dimension_symbols[side].clone()))
        }
        _ => None,
    };
    let (Some(rows), Some(columns)) = (side(0, "transA", 0), side(1, "transB", 1)) else { return Ok(()) };
    context.set_output(0, &tensor_type([rows, columns].into_iter()))
}

/// Rows and columns of a matrix, transposed or not.
fn sides(shape: &[i64], transposed: bool) -> ort::Result<[usize; 2]> {
    match *shape {
        [rows, columns] if transposed => Ok([columns as usize, rows as usize]),
        [rows, columns] => Ok([rows as usize, columns as usize]),
        _ => Err(ort::Error::new(format!("{shape:?} is not the shape of a matrix"))),
    }
}
