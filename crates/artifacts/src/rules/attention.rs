use crate::graph::{Value, float, int, ints};
use crate::onnx::AttributeProto;
use crate::rules::dropout::Dropout;
use crate::tape::Tape;

/// Multi-head attention of each sequence on itself: `O = dropout(softmax(QKᵀ/√D + bias)) V`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    heads: Heads,
    query: Value,
    key: Value,
    value: Value,
    probabilities: Value,
    dropped: Value,
    dropout: Dropout,
    context: Value,
}

/// How the hidden size divides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Number of heads.
    pub(crate) count: i64,
    /// Size `D` of each.
    pub(crate) size: i64,
}

impl Heads {
    /// `1/√D`.
    fn scale(self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }

    fn trailing(self) -> [i64; 2] {
        [self.count, self.size]
    }
}

impl Attention {
    /// `qkv` `[T, 3H]` (queries, keys, values) to the context `[T, H]`; `bias` `[B, 1, 1, S]` is added to the scores.
    pub(crate) fn forward(
        tape: &mut Tape,
        heads: Heads,
        qkv: Value,
        bias: Value,
        mask: Option<Value>,
    ) -> (Value, Self) {
        let parts: [Value; 3] = tape.graph.op_many("Split", &[qkv], &[int("axis", 1), int("num_outputs", 3)]);
        let [query, key, value] = parts.map(|part| tape.unfold(part, &heads.trailing()));
        let scale = float("alpha", heads.scale());
        let scores = product(tape, [query, key], &[scale, batch("A"), batch("B"), int("transB", 1)]);
        let scores = tape.graph.add(scores, bias);
        let probabilities = tape.graph.op("Softmax", &[scores], &[int("axis", -1)]);
        let (dropped, dropout) = Dropout::forward(tape, mask, probabilities);
        let context = product(tape, [dropped, value], &[batch("B")]);
        let context = tape.graph.op("Transpose", &[context], &[ints("perm", &[2, 0, 1, 3])]);
        let saved = Self { heads, query, key, value, probabilities, dropped, dropout, context };
        (tape.graph.reshape(context, &[-1, heads.count * heads.size]), saved)
    }

    /// From `dO` `[T, H]` to `dqkv` `[T, 3H]`.
    ///
    /// The softmax's `rowsum(P·dP)` equals `rowsum(dO·O)`, with dropout too, which is a sum over `D` and not over `S`.
    pub(crate) fn backward(self, tape: &mut Tape, gradient: Value) -> Value {
        let gradient = tape.unfold(gradient, &self.heads.trailing());
        let inner = self.row_sums(tape, gradient);
        let probabilities = product(tape, [gradient, self.value], &[batch("A"), batch("B"), int("transB", 1)]);
        let probabilities = self.dropout.backward(tape, probabilities);
        let centred = tape.graph.sub(probabilities, inner);
        let scores = tape.graph.mul(self.probabilities, centred);

        let parts = self.projections(tape, scores, gradient);
        let all = tape.graph.op("Concat", &parts, &[int("axis", 2)]);
        tape.graph.reshape(all, &[-1, 3 * self.heads.count * self.heads.size])
    }

    /// `dQ = dS K`, `dK = dSᵀ Q` and `dV = Pᵀ dO`, each `[S, B, heads, D]`.
    ///
    /// The last two are made transposed, as `Qᵀ dS` and `dOᵀ P`: the library is a third slower when it has to transpose
    /// the square operand.
    fn projections(&self, tape: &mut Tape, scores: Value, gradient: Value) -> [Value; 3] {
        let scale = || float("alpha", self.heads.scale());
        let transposed = || [int("transA", 1), batch("A")];
        let query = product(tape, [scores, self.key], &[scale(), batch("B")]);
        let key = product(tape, [self.query, scores], &[&[scale()][..], &transposed()].concat());
        let value = product(tape, [gradient, self.dropped], &transposed());
        [(query, [2, 0, 1, 3]), (key, [3, 0, 1, 2]), (value, [3, 0, 1, 2])]
            .map(|(part, order)| tape.graph.op("Transpose", &[part], &[ints("perm", &order)]))
    }

    /// `rowsum(dO·O)` as `[B, heads, S, 1]`.
    fn row_sums(&self, tape: &mut Tape, gradient: Value) -> Value {
        let graph = &mut tape.graph;
        let inner = graph.mul(gradient, self.context);
        let last = graph.integers(&[-1]);
        let inner = graph.op("ReduceSum", &[inner, last], &[int("keepdims", 1)]);
        graph.op("Transpose", &[inner], &[ints("perm", &[1, 2, 0, 3])])
    }
}

/// A batched matrix product of the stock library's contrib operators.
fn product(tape: &mut Tape, inputs: [Value; 2], attributes: &[AttributeProto]) -> Value {
    tape.graph.op("FusedMatMul", &inputs, attributes)
}

/// The operand is `[S, B, heads, D]` and stands for `[B, heads, S, D]`.
fn batch(operand: &str) -> AttributeProto {
    int(&format!("transBatch{operand}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Layer, constant, drawn, give};
    use crate::tape::Weight;

    /// Two sequences of three tokens, two heads of two; the second sequence's last token is padding.
    fn check(dropped: bool) {
        let emit = |tape: &mut Tape, weights: &[Weight], _, upstream: Value| {
            let bias = constant(tape, &[2, 1, 1, 3], &[0.0, 0.0, 0.0, 0.0, 0.0, -10_000.0]);
            let mask: Vec<f32> = (0..36).map(|place| if place % 5 == 1 { 0.0 } else { 1.25 }).collect();
            let mask = dropped.then(|| tape.graph.weight("mask", &[2, 2, 3, 3], bytes(&mask)));
            let heads = Heads { count: 2, size: 2 };
            let (y, layer) = Attention::forward(tape, heads, weights[0].value, bias, mask);
            let qkv = layer.backward(tape, upstream);
            give(tape, weights[0], qkv);
            y
        };
        let tensors = vec![drawn("qkv", &[6, 12], 0.0)];
        Layer { input_ids: vec![vec![0, 0]; 3], tensors, output: vec![6, 4], emit }.check();
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn gradients_with_padding() {
        check(false);
    }

    #[test]
    fn gradients_with_padding_and_dropout() {
        check(true);
    }
}
