"""Writes crates/inference/tests/data: a tiny token classifier with random weights, and what onnxruntime makes of it.

python tests/reference/tiny_tagger.py        (needs numpy, onnx, onnxruntime)

The model mixes each token with the masked mean of its sequence, so a padding token that leaks changes every result.
"""
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parents[2] / "crates/inference/tests/data"
LABELS = ["Disease", "Chemical"]
TAGS = ["O"] + [f"{prefix}-{label}" for label in LABELS for prefix in "BI"]
VOCABULARY, HIDDEN, POSITIONS = 50, 8, 24
random = np.random.RandomState(7)


def graph(ids="input_ids", mask="attention_mask", token_types=True):
    def weight(name, *shape, scale=1.0):
        return numpy_helper.from_array((random.randn(*shape) * scale).astype(np.float32), name)

    weights = [weight("words", VOCABULARY, HIDDEN), weight("types", 2, HIDDEN, scale=0.3), weight("mix", HIDDEN, HIDDEN, scale=0.3),
               weight("head", HIDDEN, len(TAGS), scale=1.5), weight("bias", len(TAGS), scale=0.3),
               numpy_helper.from_array(np.array([2], np.int64), "last"), numpy_helper.from_array(np.array([1], np.int64), "sequence")]
    node = helper.make_node
    nodes = [
        node("Gather", ["words", ids], ["word"]),
        *([node("Gather", ["types", "token_type_ids"], ["type"]), node("Add", ["word", "type"], ["x"])] if token_types else [node("Identity", ["word"], ["x"])]),
        node("Cast", [mask], ["kept"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["kept", "last"], ["column"]),
        node("Mul", ["x", "column"], ["masked"]),
        node("ReduceSum", ["masked", "sequence"], ["sum"]),
        node("ReduceSum", ["column", "sequence"], ["count"]),
        node("Div", ["sum", "count"], ["mean"]),
        node("MatMul", ["mean", "mix"], ["context"]),
        node("Add", ["x", "context"], ["mixed"]),
        node("Tanh", ["mixed"], ["hidden"]),
        node("MatMul", ["hidden", "head"], ["scores"]),
        node("Add", ["scores", "bias"], ["logits"]),
    ]
    names = [ids, mask] + (["token_type_ids"] if token_types else [])
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", len(TAGS)])
    model = helper.make_model(helper.make_graph(nodes, "tiny", inputs, [output], weights), ir_version=10,
                              opset_imports=[helper.make_opsetid("", 18)], producer_name="clinsynth")
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def example(index, words, overlap=None):
    """Windows of one example: words of 1 to 3 sub-tokens between 1 and 2; words are `(start, end)` characters."""
    starts, position = [], 0
    for _ in range(words):
        position += 1 + random.randint(2)
        length = 1 + random.randint(6)
        starts.append((position, position + length))
        position += length
    pieces = [random.randint(3, VOCABULARY, 1 + random.randint(3)).tolist() for _ in range(words)]
    windows = [(0, words, 0, words)]
    if overlap:
        cut = words // 2
        windows = [(0, cut + overlap, 0, cut), (cut - overlap, words, overlap, words - cut + overlap)]
    rows = []
    for number, (first, last, owned_from, owned_to) in enumerate(windows):
        ids, token_words = [1], [-1]
        for word in range(first, last):
            ids += pieces[word]
            token_words += [word - first] * len(pieces[word])
        rows.append({"example": f"e{index}", "document": f"d{index // 2}", "window": number, "input_ids": ids + [2],
                     "token_words": token_words + [-1], "word_starts": [start for start, _ in starts[first:last]],
                     "word_ends": [end for _, end in starts[first:last]], "tags": [], "owned_from": owned_from,
                     "owned_to": owned_to, "pair": [], "entity_starts": [], "class": None, "sensitivity": "synthetic"})
    return rows


def spans(tags, probabilities, words):
    """Mentions by the rules of conlleval: an I that follows O or another label begins one."""
    found, previous = [], "O"
    for tag, probability, (start, end) in zip(tags, probabilities, words):
        if tag != "O":
            if tag[0] == "I" and previous != "O" and previous[2:] == tag[2:]:
                found[-1]["end"] = end
                found[-1]["scores"].append(probability)
            else:
                found.append({"start": start, "end": end, "label": tag[2:], "scores": [probability]})
        previous = tag
    return [{**{key: span[key] for key in ("start", "end", "label")}, "score": float(np.mean(np.array(span["scores"], np.float64)))} for span in found]


def best_sequence(probabilities):
    """The most probable tags in which every I continues its label (Viterbi), as ids."""
    follows = np.array([[tag[0] != "I" or (before != "O" and before[2:] == tag[2:]) for tag in TAGS] for before in TAGS])
    scores, paths = np.array([0.0]), [[]]
    allowed = np.array([[tag[0] != "I" for tag in TAGS]])
    for row in np.log(probabilities):
        totals = np.where(allowed, scores[:, None], -np.inf)
        origin = totals.argmax(0)
        scores, paths = totals.max(0) + row, [paths[before] + [tag] for tag, before in enumerate(origin)]
        allowed = follows
    return paths[int(scores.argmax())]


def predict(session, rows):
    """One window at a time, without padding: what batching must not change."""
    distributions, words = [], []
    for row in rows:
        ids = np.array([row["input_ids"]], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        logits = session.run(["logits"], feed)[0][0].astype(np.float64)
        softmax = np.exp(logits - logits.max(-1, keepdims=True))
        softmax /= softmax.sum(-1, keepdims=True)
        for word in range(row["owned_from"], row["owned_to"]):
            position = row["token_words"].index(word)
            distributions.append(softmax[position])
            words.append((row["word_starts"][word], row["word_ends"][word]))
    chosen = best_sequence(np.array(distributions)) if distributions else []
    return spans([TAGS[tag] for tag in chosen], [row[tag] for row, tag in zip(distributions, chosen)], words)


def main():
    (FOLDER / "tiny").mkdir(parents=True, exist_ok=True)
    (FOLDER / "tiny/model.onnx").write_bytes(graph())
    (FOLDER / "renamed.onnx").write_bytes(graph(ids="ids", token_types=False))
    (FOLDER / "tiny/labels.json").write_text(json.dumps(LABELS) + "\n")
    config = {"model_type": "bert", "vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS, "pad_token_id": 0,
              "id2label": {str(index): tag for index, tag in enumerate(TAGS)}}
    (FOLDER / "tiny/config.json").write_text(json.dumps(config, indent=2) + "\n")
    session = onnxruntime.InferenceSession(str(FOLDER / "tiny/model.onnx"), providers=["CPUExecutionProvider"])
    sizes = [(3, None), (7, None), (0, None), (1, None), (10, 2), (5, None), (8, 1), (6, None), (11, 2)]
    examples = [example(index, *size) for index, size in enumerate(sizes)]
    cases = [{"example": rows[0]["example"], "document": rows[0]["document"], "spans": predict(session, rows)} for rows in examples]
    lines = lambda rows: ",\n".join(map(json.dumps, rows))
    encodings = lines(row for rows in examples for row in rows)
    (FOLDER / "tiny_cases.json").write_text(f'{{"encodings": [\n{encodings}\n], "predictions": [\n{lines(cases)}\n]}}\n')
    print(onnxruntime.__version__, sum(len(case["spans"]) for case in cases), "spans")


main()
