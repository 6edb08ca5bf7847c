"""Reads an artifact folder and an exported model as Python users would; exits non-zero on the first surprise.

python tests/reference/check_onnx.py ARTIFACTS EXPORTED        (needs numpy, onnx, onnxruntime)

Checks every graph with onnx's full checker (shape inference included), its operators against ONNX and the one contrib
operator that we use, and runs the exported model. Run by crates/artifacts/tests with CLINSYNTH_PYTHON.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

artifacts, exported = map(pathlib.Path, sys.argv[1:])
models = [artifacts / f"{name}_model.onnx" for name in ("training", "gradient", "eval")] + [exported / "model.onnx"]
for path in models:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node if node.domain} <= {"FusedMatMul"}, path
    assert model.ir_version == 10 and {entry.domain: entry.version for entry in model.opset_import}[""] == 18, path

session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
assert [value.name for value in session.get_inputs()] == ["input_ids", "attention_mask"]
assert [value.name for value in session.get_outputs()] == ["logits"]
ids = np.array([[1, 2, 3], [4, 5, 0]], np.int64)
logits, = session.run(None, {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)})
assert logits.shape == (2, 3, 3) and logits.dtype == np.float32 and np.isfinite(logits).all()
print(len(models), "models")
