"""Uses an artifact folder and an exported model as Python users would; exits non-zero on the first surprise.

python tests/reference/check_onnx.py ARTIFACTS EXPORTED        (needs numpy, onnx, onnxruntime)

Checks every graph with onnx's full checker (shape inference included) and its operators against ONNX, the functions that the
graph itself defines by standard operators, and the one contrib operator that we use; trains a few steps with nothing but the manifest and docs/artifacts.md as a guide; runs the exported
model. Run by crates/artifacts/tests with CLINSYNTH_PYTHON.
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np
import onnx
import onnxruntime

artifacts, exported = map(pathlib.Path, sys.argv[1:])
models = [artifacts / f"{name}_model.onnx" for name in ("training", "gradient", "eval")] + [exported / "model.onnx"]
for path in models:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    foreign = {(node.domain, node.op_type) for node in model.graph.node if node.domain}
    defined = {(function.domain, function.name) for function in model.functions}
    assert foreign <= defined | {("com.microsoft", "FusedMatMul")}, (path, foreign - defined)
    assert all(not node.domain for function in model.functions for node in function.node), path
    assert model.ir_version == 10 and {entry.domain: entry.version for entry in model.opset_import}[""] == 18, path


def read_safetensors(path):
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    entries = json.loads(data[8:8 + size])
    slices = {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]] for name, entry in entries.items() if name != "__metadata__"}
    return {name: np.frombuffer(part, np.float32).reshape(entries[name]["shape"]) for name, part in slices.items()}


def scalars(step, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.01, norm=1.0):
    ratio = math.sqrt((1 - beta2 ** step) / (1 - beta2))
    values = dict(k_update=rate * (1 - beta1) / (1 - beta1 ** step) * ratio, k_epsilon=epsilon * ratio, k_decay=1 - rate * decay,
                  beta1=beta1, beta2=beta2, max_gradient_norm=norm)
    return {name: np.array(value, np.float32) for name, value in values.items()}


manifest = json.loads((artifacts / "manifest.json").read_text())
stored = read_safetensors(artifacts / "checkpoint/model.safetensors")
state = {}
for parameter in manifest["parameters"]:
    name = parameter["name"]
    state[name] = np.concatenate([stored[part["name"]] for part in parameter["stored"]])
    state[f"{name}.m"] = state[f"{name}.v"] = np.zeros_like(state[name])
sizes = dict(sequence=5, batch=2)
shape = lambda axes: [sizes[axis] if isinstance(axis, str) else axis["fixed"] for axis in axes]
batch = dict(input_ids=np.array([[1, 2, 3, 4, 5], [6, 7, 8, 0, 0]], np.int64).T, labels=np.array([[-100, 0, 1, 2, -100], [-100, 1, 0, -100, -100]], np.int64).T,
             attention_bias=np.float32([[0, 0, 0, 0, 0], [0, 0, 0, -10000, -10000]])[:, None, None, :])
assert {entry["name"] for entry in manifest["batch"]} == set(batch)
masks = {site["name"]: np.ones(shape(site["shape"]), np.float32) for site in manifest["dropout"]}
session = onnxruntime.InferenceSession(models[0], providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
losses = []
for step in range(1, 13):
    outputs = dict(zip(names, session.run(names, {**batch, **masks, **scalars(step, 0.01), **state})))
    state = {name: outputs[f"{name}.next"] for name in state}
    losses.append(float(outputs["loss"]))
assert losses[-1] < 0.8 * losses[0], losses

session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
assert [value.name for value in session.get_inputs()] == ["input_ids", "attention_mask"]
assert [value.name for value in session.get_outputs()] == ["logits"]
ids = np.array([[1, 2, 3], [4, 5, 0]], np.int64)
logits, = session.run(None, {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)})
assert logits.shape == (2, 3, 3) and logits.dtype == np.float32 and np.isfinite(logits).all()
print(len(models), "models")
