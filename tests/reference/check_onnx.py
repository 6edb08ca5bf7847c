"""Uses artifact folders and exported models as Python users would; exits non-zero on the first surprise.

python tests/reference/check_onnx.py FOLDER…        (needs numpy, onnx, onnxruntime)

Each folder holds `artifacts`, and in `exported` what became of their first checkpoint. Checks every graph with onnx's full
checker (shape inference included) and its operators against ONNX, the functions that the graph itself defines by standard
operators, and the one contrib operator of the training graphs; exported models are of standard operators alone. Trains a few
steps with nothing but the manifest and docs/artifacts.md as a guide; compares the exported model's logits with the training
graph's, those of its int8 form with both, and, where torch and
transformers are there, those of transformers' own class, loaded from the exported folder. Run by crates/artifacts/tests with CLINSYNTH_PYTHON.
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np
import onnx
import onnxruntime

try:
    import torch
    import transformers
except ImportError:
    transformers = None

SEQUENCE, BATCH, CLASSES = 6, 3, 3
LENGTHS = np.array([6, 4, 3])
INT8_BOUND = 0.1


def check(path, contrib):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    foreign = {(node.domain, node.op_type) for node in model.graph.node if node.domain}
    defined = {(function.domain, function.name) for function in model.functions}
    assert foreign <= defined | contrib, (path, foreign - defined)
    assert all(not node.domain for function in model.functions for node in function.node), path
    assert model.ir_version == 10 and {entry.domain: entry.version for entry in model.opset_import}[""] == 18, path
    return [node.op_type for node in model.graph.node]


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


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(session, feeds):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds)))


def batches(manifest):
    """The same sequences as the training graphs take them, and as the exported model does."""
    random = np.random.default_rng(0)
    padding, tokens = manifest["encoder"]["padding"], manifest["encoder"]["vocabulary"]
    inside = np.arange(SEQUENCE) < LENGTHS[:, None]
    ids = np.where(inside, random.integers(padding + 1, tokens, (BATCH, SEQUENCE)), padding)
    wanted = {entry["name"]: entry for entry in manifest["batch"]}
    labels = random.integers(0, CLASSES, (SEQUENCE, BATCH))
    labels[~inside.T] = -100
    if len(wanted["labels"]["shape"]) == 1: labels = random.integers(0, CLASSES, BATCH)
    training = dict(input_ids=ids.T, labels=labels, attention_bias=np.where(inside, 0, -10000).astype(np.float32)[:, None, None, :])
    exported = dict(input_ids=ids, attention_mask=inside.astype(np.int64))
    if "entity_starts" in wanted: training["entity_starts"] = exported["entity_starts"] = np.array([[1, 4], [0, 3], [2, 1]])
    assert set(wanted) == set(training)
    return training, exported


def train(artifacts, manifest, state, batch):
    sizes = dict(sequence=SEQUENCE, batch=BATCH)
    shape = lambda axes: [sizes[axis] if isinstance(axis, str) else axis["fixed"] for axis in axes]
    masks = {site["name"]: np.ones(shape(site["shape"]), np.float32) for site in manifest["dropout"]}
    model, losses = session(artifacts / "training_model.onnx"), []
    state = {**state, **{f"{name}.{moment}": np.zeros_like(value) for name, value in state.items() for moment in "mv"}}
    for step in range(1, 13):
        outputs = run(model, {**batch, **masks, **scalars(step, 0.01), **state})
        state = {name: outputs[f"{name}.next"] for name in state}
        losses.append(float(outputs["loss"]))
    assert losses[-1] < 0.8 * losses[0], losses


def folder(path):
    artifacts, exported = path / "artifacts", path / "exported"
    for name in ("training", "gradient", "eval"): check(artifacts / f"{name}_model.onnx", {("com.microsoft", "FusedMatMul")})
    assert "MatMulInteger" not in check(exported / "model.onnx", set())
    assert "MatMulInteger" in check(exported / "model.int8.onnx", set())
    manifest = json.loads((artifacts / "manifest.json").read_text())
    stored = read_safetensors(artifacts / "checkpoint/model.safetensors")
    state = {parameter["name"]: np.concatenate([stored[part["name"]] for part in parameter["stored"]]) for parameter in manifest["parameters"]}
    batch, inputs = batches(manifest)
    train(artifacts, manifest, state, batch)

    expected = run(session(artifacts / "eval_model.onnx"), {**batch, **state})["logits"]
    where = np.full(BATCH, True)
    if expected.ndim == 3: expected, where = expected.transpose(1, 0, 2), inputs["attention_mask"] == 1
    for name, bound in (("model.onnx", 1e-5), ("model.int8.onnx", INT8_BOUND * np.abs(expected[where]).max())):
        model = session(exported / name)
        assert [value.name for value in model.get_inputs()] == list(inputs)
        assert [value.name for value in model.get_outputs()] == ["logits"]
        logits = run(model, inputs)["logits"]
        assert logits.shape == expected.shape and logits.dtype == np.float32
        difference = np.abs(logits - expected)[where].max()
        assert difference < bound, (path, manifest["encoder"]["family"], name, difference, bound)
    if transformers and "entity_starts" not in inputs:
        architecture, = json.loads((exported / "config.json").read_text())["architectures"]
        peer, report = getattr(transformers, architecture).from_pretrained(exported, output_loading_info=True)
        assert not any(report.values()), (path, report)
        with torch.no_grad(): logits = peer.eval()(**{name: torch.tensor(value) for name, value in inputs.items()}).logits.numpy()
        assert np.abs(logits - expected)[where].max() < 1e-5, (path, architecture)


for argument in sys.argv[1:]: folder(pathlib.Path(argument))
print(len(sys.argv[1:]), "folders", "with transformers" if transformers else "without transformers")
