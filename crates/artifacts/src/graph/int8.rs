use std::collections::BTreeSet;

use super::{Graph, Node, Value, int};
use crate::onnx::{FLOAT, INT8, NodeProto};

/// Greatest magnitude of a weight in a product. Seven bits and not eight: processors without VNNI instructions add pairs
/// of products in 16 bits, where 255 · 127 + 255 · 127 would saturate and 255 · 63 + 255 · 63 does not.
const LARGEST_FACTOR: f32 = 63.0;
/// Greatest magnitude of an element of an embedding, which no one multiplies as an integer.
const LARGEST_ELEMENT: f32 = 127.0;

impl Graph {
    /// The graph with its products by stored matrices and its rows of stored tables in 8-bit integers, those of the scope
    /// `kept` excepted: a weight is rounded to its column's scale ahead of time, the other factor to a scale of its own in
    /// each run; a table's row to its own scale.
    ///
    /// All of it are standard operators; the products (`DynamicQuantizeLinear`, `MatMulInteger`, `Cast`, `Mul`) have the
    /// form that ONNX Runtime fuses into one integer product with a scaled float32 result.
    pub(crate) fn quantized(mut self, kept: &str) -> Self {
        for node in std::mem::take(&mut self.nodes) {
            match (node.proto.op_type.as_str(), &node.inputs[..]) {
                _ if node.proto.name.starts_with(kept) => self.nodes.push(node),
                ("MatMul", &[factor, weight]) if self.is_stored(weight) => self.integer_product(factor, weight, node),
                ("Gather", &[table, indices]) if self.is_stored(table) => self.integer_rows(table, indices, node),
                _ => self.nodes.push(node),
            }
        }
        self.drop_unused_weights();
        self
    }

    fn is_stored(&self, weight: Value) -> bool {
        self.proto.initializer.iter().any(|stored| stored.name == self.names[weight.0])
    }

    /// `float(a_q · w_q) · (a_scale · w_scales)` in place of a node's output.
    fn integer_product(&mut self, factor: Value, weight: Value, replaced: Node) {
        // A scope of its own: nodes are named by scope and count.
        self.scope = format!("{}/int8", replaced.proto.name);
        let (dims, values) = self.stored(weight);
        let columns = dims.last().map_or(1, |&columns| columns as usize);
        let scales = scales((0..columns).map(|column| values.iter().skip(column).step_by(columns)), LARGEST_FACTOR);
        let rounded = rounded(&values, |place| scales[place % columns]);
        let [weight, weight_scales] = self.store_quantized(weight, (dims, rounded), (vec![columns as i64], scales));
        let [factor, scale, zero] = self.op_many("DynamicQuantizeLinear", &[factor], &[]);
        let product = self.op("MatMulInteger", &[factor, weight, zero], &[]);
        let product = self.op("Cast", &[product], &[int("to", i64::from(FLOAT))]);
        let scales = self.mul(scale, weight_scales);
        self.replace(replaced, [product, scales]);
    }

    /// `float(rows_q) · scales` in place of a node's output.
    fn integer_rows(&mut self, table: Value, indices: Value, replaced: Node) {
        self.scope = format!("{}/int8", replaced.proto.name);
        let (dims, values) = self.stored(table);
        let columns = dims.last().map_or(1, |&columns| columns as usize);
        let scales = scales(values.chunks(columns).map(<[f32]>::iter), LARGEST_ELEMENT);
        let rounded = rounded(&values, |place| scales[place / columns]);
        let rows = scales.len() as i64;
        let [table, scales] = self.store_quantized(table, (dims, rounded), (vec![rows, 1], scales));
        let [rows, scales] = [table, scales].map(|table| self.op("Gather", &[table, indices], &[int("axis", 0)]));
        let rows = self.op("Cast", &[rows], &[int("to", i64::from(FLOAT))]);
        self.replace(replaced, [rows, scales]);
    }

    /// Puts the product of two values in place of a node's output.
    fn replace(&mut self, replaced: Node, factors: [Value; 2]) {
        let proto = NodeProto { op_type: "Mul".to_owned(), attribute: Vec::new(), ..replaced.proto };
        self.nodes.push(Node { proto, inputs: factors.into(), outputs: replaced.outputs });
    }

    /// Shape and elements of a stored float32 weight.
    fn stored(&self, weight: Value) -> (Vec<i64>, Vec<f32>) {
        let name = &self.names[weight.0];
        let stored = self.proto.initializer.iter().find(|stored| stored.name == *name);
        let (dims, bytes) = stored.map(|stored| (stored.dims.clone(), stored.raw_data.as_deref())).unwrap_or_default();
        let (chunks, _) = bytes.unwrap_or_default().as_chunks::<4>();
        (dims, chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// Stores a weight's integers and its scales, each with its shape.
    fn store_quantized(
        &mut self,
        weight: Value,
        (dims, integers): (Vec<i64>, Vec<u8>),
        (scale_dims, scales): (Vec<i64>, Vec<f32>),
    ) -> [Value; 2] {
        let name = self.names[weight.0].clone();
        let scales = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        [
            self.store(format!("{name}_int8"), INT8, dims, integers),
            self.store(format!("{name}_scales"), FLOAT, scale_dims, scales),
        ]
    }

    fn drop_unused_weights(&mut self) {
        let used: BTreeSet<&str> =
            self.nodes.iter().flat_map(|node| &node.inputs).map(|input| self.names[input.0].as_str()).collect();
        self.proto.initializer.retain(|weight| used.contains(weight.name.as_str()));
    }
}

/// The scale of each group of elements, by which its greatest magnitude becomes `largest`.
fn scales<'v>(groups: impl Iterator<Item = impl Iterator<Item = &'v f32>>, largest: f32) -> Vec<f32> {
    let greatest = groups.map(|group| group.fold(0.0_f32, |greatest, value| greatest.max(value.abs())));
    // A group of zeros has any scale.
    greatest.map(|greatest| if greatest > 0.0 { greatest / largest } else { 1.0 }).collect()
}

/// Elements as int8 of the scale at their place, to the nearest, ties to even.
fn rounded(values: &[f32], scale: impl Fn(usize) -> f32) -> Vec<u8> {
    let round = |(place, value): (usize, &f32)| (value / scale(place)).round_ties_even() as i8 as u8;
    values.iter().enumerate().map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f32], groups: &[&[usize]], largest: f32, integers: &[i8], expected: &[f32]) {
        let scales = scales(groups.iter().map(|group| group.iter().map(|&place| &values[place])), largest);
        let group = |place| groups.iter().position(|group| group.contains(&place)).unwrap_or(0);
        let found: Vec<i8> = rounded(values, |place| scales[group(place)]).into_iter().map(|byte| byte as i8).collect();
        assert_eq!(found, integers);
        assert_eq!(scales, expected);
    }

    #[test]
    fn elements_are_rounded_to_the_scale_of_their_group() {
        let values = [0.63, 0.0, -6.3, -0.314, 0.0, 0.06];
        let columns: [&[usize]; 3] = [&[0, 3], &[1, 4], &[2, 5]];
        check(&values, &columns, 63.0, &[63, 0, -63, -31, 0, 1], &[0.63 / 63.0, 1.0, 6.3 / 63.0]);
        let rows: [&[usize]; 2] = [&[0, 1, 2], &[3, 4, 5]];
        check(&values, &rows, 127.0, &[13, 0, -127, -127, 0, 24], &[6.3 / 127.0, 0.314 / 127.0]);
    }
}
