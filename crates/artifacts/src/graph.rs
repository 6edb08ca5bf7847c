mod int8;

use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Dimension, ElementType, TensorSpec};
use prost::Message;

use crate::ArtifactError;
use crate::onnx::{
    AttributeProto, Axis, DimensionProto, FLOAT, FunctionProto, GraphProto, INT64, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// ONNX operator set of every graph.
pub(crate) const OPSET: u32 = 18;
const IR_VERSION: i64 = 10;
const CONTRIB: &str = "com.microsoft";
/// Domain of the operations that a graph defines itself, as functions.
const OWN: &str = "clinsynth";

/// An operation of the training graphs that is worth a kernel of its own. A graph that uses it also defines it, by
/// nodes of standard operators: ONNX Runtime runs the kernel of this name where one is registered (`clinsynth-kernels`),
/// and the nodes where none is, so the file stays one that any stock library runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// Its name in the domain `clinsynth`.
    pub(crate) name: &'static str,
    /// Its inputs; the last may be left out where the body allows it.
    pub(crate) inputs: &'static [&'static str],
    /// Its attributes.
    pub(crate) attributes: &'static [&'static str],
    /// Its definition.
    pub(crate) body: fn(&mut Graph, &[Value]) -> Vec<Value>,
}

/// A tensor in a graph under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value(usize);

/// An ONNX graph under construction. Nodes are kept in the order of their making, which is a topological one.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    names: Vec<String>,
    scope: String,
    constants: BTreeMap<(i32, Vec<i64>, Vec<u8>), Value>,
    nodes: Vec<Node>,
    functions: BTreeMap<&'static str, FunctionProto>,
    proto: GraphProto,
}

/// A node whose tensors get their names when the graph is encoded.
#[derive(Debug)]
struct Node {
    proto: NodeProto,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
}

impl Graph {
    /// An empty graph.
    pub(crate) fn new(name: &str) -> Self {
        Self { proto: GraphProto { name: name.to_owned(), ..GraphProto::default() }, ..Self::default() }
    }

    /// Names the part of the model that the next nodes belong to, as viewers show it.
    pub(crate) fn enter(&mut self, scope: impl Into<String>) {
        self.scope = scope.into();
    }

    /// Declares an input.
    pub(crate) fn input(&mut self, name: &str, element: ElementType, shape: &[Dimension]) -> Value {
        self.proto.input.push(value_info(name, element, shape));
        self.value(name.to_owned())
    }

    /// Declares an input that a manifest lists.
    pub(crate) fn input_of(&mut self, spec: &TensorSpec) -> Value {
        self.input(&spec.name, spec.element, &spec.shape)
    }

    /// Gives a value an output's name.
    pub(crate) fn output(&mut self, value: Value, name: &str, shape: &[Dimension]) {
        self.proto.output.push(value_info(name, ElementType::Float32, shape));
        name.clone_into(&mut self.names[value.0]);
    }

    /// A weight stored in the graph: float32, row-major.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize], bytes: Vec<u8>) -> Value {
        let dims = shape.iter().map(|&size| size as i64).collect();
        self.store(name.to_owned(), FLOAT, dims, bytes)
    }

    /// A constant vector of integers.
    pub(crate) fn integers(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(INT64, vec![values.len() as i64], bytes)
    }

    /// A constant integer.
    pub(crate) fn integer(&mut self, value: i64) -> Value {
        self.constant(INT64, Vec::new(), value.to_le_bytes().to_vec())
    }

    /// A constant vector of numbers.
    pub(crate) fn numbers(&mut self, values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(FLOAT, vec![values.len() as i64], bytes)
    }

    /// A constant number.
    pub(crate) fn number(&mut self, value: f32) -> Value {
        self.constant(FLOAT, Vec::new(), value.to_le_bytes().to_vec())
    }

    /// An operator with one output.
    pub(crate) fn op(&mut self, kind: &str, inputs: &[Value], attributes: &[AttributeProto]) -> Value {
        let [output] = self.op_many(kind, inputs, attributes);
        output
    }

    /// An operator with `N` outputs.
    pub(crate) fn op_many<const N: usize>(
        &mut self,
        kind: &str,
        inputs: &[Value],
        attributes: &[AttributeProto],
    ) -> [Value; N] {
        let domain = if kind == "FusedMatMul" { CONTRIB } else { "" };
        self.node(domain, kind, inputs, attributes)
    }

    /// Adds an operation, and its definition if the graph has none yet.
    pub(crate) fn call<const N: usize>(
        &mut self,
        operation: &Operation,
        inputs: &[Value],
        attributes: &[AttributeProto],
    ) -> [Value; N] {
        self.functions.entry(operation.name).or_insert_with(|| define(operation));
        self.node(OWN, operation.name, inputs, attributes)
    }

    fn node<const N: usize>(
        &mut self,
        domain: &str,
        kind: &str,
        inputs: &[Value],
        attributes: &[AttributeProto],
    ) -> [Value; N] {
        let name = format!("{}/{kind}_{}", self.scope, self.nodes.len());
        let outputs: [Value; N] =
            std::array::from_fn(|index| self.value(if index == 0 { name.clone() } else { format!("{name}:{index}") }));
        let proto = NodeProto {
            name,
            op_type: kind.to_owned(),
            attribute: attributes.to_vec(),
            domain: domain.to_owned(),
            ..NodeProto::default()
        };
        self.nodes.push(Node { proto, inputs: inputs.to_vec(), outputs: outputs.to_vec() });
        outputs
    }

    /// `a + b`, broadcast.
    pub(crate) fn add(&mut self, a: Value, b: Value) -> Value {
        self.op("Add", &[a, b], &[])
    }

    /// `a - b`, broadcast.
    pub(crate) fn sub(&mut self, a: Value, b: Value) -> Value {
        self.op("Sub", &[a, b], &[])
    }

    /// `a · b` element by element, broadcast.
    pub(crate) fn mul(&mut self, a: Value, b: Value) -> Value {
        self.op("Mul", &[a, b], &[])
    }

    /// The matrix product.
    pub(crate) fn matmul(&mut self, a: Value, b: Value) -> Value {
        self.op("MatMul", &[a, b], &[])
    }

    /// The same elements under a fixed shape; -1 takes what is left.
    pub(crate) fn reshape(&mut self, value: Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.op("Reshape", &[value, shape], &[])
    }

    /// The encoded model.
    ///
    /// Errors: [`ArtifactError::TooLarge`].
    pub(crate) fn encode(mut self) -> Result<Vec<u8>, ArtifactError> {
        self.prune();
        self.proto.node = self.named_nodes();
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "clinsynth".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            opset_import: opsets(&self.proto.node),
            graph: Some(self.proto),
            functions: self.functions.into_values().collect(),
        };
        match model.encoded_len() {
            bytes if bytes > i32::MAX as usize => Err(ArtifactError::TooLarge { bytes }),
            _ => Ok(model.encode_to_vec()),
        }
    }

    /// Drops what no output needs.
    fn prune(&mut self) {
        let outputs: BTreeSet<&str> = self.proto.output.iter().map(|output| output.name.as_str()).collect();
        let mut needed: Vec<bool> = self.names.iter().map(|name| outputs.contains(name.as_str())).collect();
        let mut kept = Vec::new();
        for node in std::mem::take(&mut self.nodes).into_iter().rev() {
            if node.outputs.iter().any(|output| needed[output.0]) {
                node.inputs.iter().for_each(|input| needed[input.0] = true);
                kept.push(node);
            }
        }
        kept.reverse();
        self.functions
            .retain(|name, _| kept.iter().any(|node| node.proto.domain == OWN && node.proto.op_type == *name));
        self.nodes = kept;
    }

    fn named_nodes(&mut self) -> Vec<NodeProto> {
        let named = |values: &[Value]| values.iter().map(|value| self.names[value.0].clone()).collect();
        let nodes = std::mem::take(&mut self.nodes);
        let named = nodes.into_iter().map(|node| NodeProto {
            input: named(&node.inputs),
            output: named(&node.outputs),
            ..node.proto
        });
        named.collect()
    }

    fn value(&mut self, name: String) -> Value {
        self.names.push(name);
        Value(self.names.len() - 1)
    }

    fn constant(&mut self, element: i32, dims: Vec<i64>, bytes: Vec<u8>) -> Value {
        let key = (element, dims, bytes);
        if let Some(&known) = self.constants.get(&key) {
            return known;
        }
        let name = format!("constant_{}", self.constants.len());
        let value = self.store(name, element, key.1.clone(), key.2.clone());
        self.constants.insert(key, value);
        value
    }

    fn store(&mut self, name: String, element: i32, dims: Vec<i64>, bytes: Vec<u8>) -> Value {
        self.proto.initializer.push(TensorProto {
            dims,
            data_type: element,
            name: name.clone(),
            raw_data: Some(bytes),
        });
        self.value(name)
    }
}

/// The operator sets that the nodes come from.
fn opsets(nodes: &[NodeProto]) -> Vec<OperatorSetIdProto> {
    let used = |domain: &str| nodes.iter().any(|node| node.domain == domain);
    let extra = [CONTRIB, OWN].into_iter().filter(|domain| used(domain));
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    std::iter::once(set("", i64::from(OPSET))).chain(extra.map(|domain| set(domain, 1))).collect()
}

/// An operation's definition; constants become nodes, since a function has no initializers.
fn define(operation: &Operation) -> FunctionProto {
    let mut body = Graph::new(operation.name);
    let inputs: Vec<Value> = operation.inputs.iter().map(|&name| body.value(name.to_owned())).collect();
    let outputs = (operation.body)(&mut body, &inputs);
    let constants = std::mem::take(&mut body.proto.initializer).into_iter().map(constant_node);
    let node: Vec<NodeProto> = constants.collect::<Vec<_>>().into_iter().chain(body.named_nodes()).collect();
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    FunctionProto {
        name: operation.name.to_owned(),
        input: owned(operation.inputs),
        output: outputs.iter().map(|output| body.names[output.0].clone()).collect(),
        attribute: owned(operation.attributes),
        opset_import: opsets(&node),
        node,
        domain: OWN.to_owned(),
    }
}

fn constant_node(tensor: TensorProto) -> NodeProto {
    let output = vec![tensor.name.clone()];
    let value = AttributeProto { name: "value".to_owned(), t: Some(tensor), r#type: 4, ..AttributeProto::default() };
    NodeProto { output, op_type: "Constant".to_owned(), attribute: vec![value], ..NodeProto::default() }
}

/// In an operation's body: the operation's own attribute of the same name; `kind` is 1 for a float, 2 for an integer.
pub(crate) fn passed(name: &str, kind: i32) -> AttributeProto {
    let (name, ref_attr_name) = (name.to_owned(), name.to_owned());
    AttributeProto { name, ref_attr_name, r#type: kind, ..AttributeProto::default() }
}

/// An integer attribute.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: Some(value), r#type: 2, ..AttributeProto::default() }
}

/// A number as attribute.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: Some(value), r#type: 1, ..AttributeProto::default() }
}

/// Text as attribute.
pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    let s = Some(value.as_bytes().to_vec());
    AttributeProto { name: name.to_owned(), s, r#type: 3, ..AttributeProto::default() }
}

/// A list of integers as attribute.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values.to_vec(), r#type: 7, ..AttributeProto::default() }
}

/// One number as a tensor attribute, as `ConstantOfShape` takes it.
pub(crate) fn tensor(name: &str, value: f32) -> AttributeProto {
    let tensor = TensorProto {
        dims: vec![1],
        data_type: FLOAT,
        raw_data: Some(value.to_le_bytes().to_vec()),
        ..TensorProto::default()
    };
    AttributeProto { name: name.to_owned(), t: Some(tensor), r#type: 4, ..AttributeProto::default() }
}

fn value_info(name: &str, element: ElementType, shape: &[Dimension]) -> ValueInfoProto {
    let axis = |dimension: &Dimension| match dimension {
        Dimension::Sequence => Axis::Symbol("sequence".to_owned()),
        Dimension::Batch => Axis::Symbol("batch".to_owned()),
        Dimension::Fixed(size) => Axis::Size(*size as i64),
    };
    let dim = shape.iter().map(|dimension| DimensionProto { value: Some(axis(dimension)) }).collect();
    let elem_type = match element {
        ElementType::Float32 => FLOAT,
        ElementType::Int64 => INT64,
    };
    let tensor_type = TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}
