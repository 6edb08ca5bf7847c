"""Writes crates/artifacts/tests/data/families.json: what PyTorch makes of a tiny token classifier of each family.

python tests/reference/families.py        (needs torch and transformers)

As bert_gradients.py, whose formula draws weights, tokens, labels and dropout masks; the file holds results only: logits and
loss without dropout, loss and gradients with it, and the shapes of the parameters, in their sorted order.
"""
import json
import pathlib

import torch
from transformers import AutoConfig, AutoModelForTokenClassification

FILE = pathlib.Path(__file__).parents[2] / "crates/artifacts/tests/data/families.json"
TAGS, BATCH, SEQUENCE = 3, 4, 7
MASK = (1 << 64) - 1
BERT = dict(vocab_size=23, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, max_position_embeddings=9, type_vocab_size=2,
            hidden_act="gelu", hidden_dropout_prob=0.25, attention_probs_dropout_prob=0.2, layer_norm_eps=1e-5, initializer_range=0.2, pad_token_id=0)
DISTIL = dict(vocab_size=23, dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=9, activation="gelu", dropout=0.25,
              attention_dropout=0.2, initializer_range=0.2, pad_token_id=0)
CASES = [
    ("bert", {**BERT, "type_vocab_size": 1, "hidden_act": "gelu_new", "classifier_dropout": 0.125}),
    ("bert", {**BERT, "hidden_act": "relu"}),
    ("roberta", {**BERT, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": None, "eos_token_id": None}),
    ("distilbert", DISTIL),
    ("distilbert", {**DISTIL, "activation": "relu", "n_layers": 1}),
    ("electra", {**BERT, "embedding_size": 6}),
    ("electra", {**BERT, "embedding_size": 8, "hidden_act": "gelu_pytorch_tanh"}),
]


def draw(stream, counter):
    """A number in [0, 1) of 24 bits: exact in float32. SplitMix64 of stream * 2^32 + counter."""
    bits = ((stream << 32) + counter + 1) * 0x9E3779B97F4A7C15 & MASK
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & MASK
    return ((bits ^ (bits >> 31)) >> 40) / (1 << 24)


def draws(stream, *shape):
    return torch.tensor([draw(stream, i) for i in range(torch.Size(shape).numel())], dtype=torch.float32).reshape(shape)


def batch(padding):
    """Streams 1000 to 1003: lengths, tokens (above the padding id), which are labelled, labels. The first sequence is full."""
    lengths = [SEQUENCE] + [1 + int(SEQUENCE * draw(1000, row)) for row in range(1, BATCH)]
    mask = (torch.arange(SEQUENCE)[None] < torch.tensor(lengths)[:, None]).long()
    ids = 1 + padding + (draws(1001, BATCH, SEQUENCE) * (23 - 1 - padding)).long()
    labels = (draws(1003, BATCH, SEQUENCE) * TAGS).long()
    labels[(draws(1002, BATCH, SEQUENCE) < 0.3) | (mask == 0)] = -100
    return dict(input_ids=torch.where(mask == 1, ids, padding), attention_mask=mask, labels=labels)


def drop(calls):
    """A stand-in for torch's dropout: call c keeps where stream 2000 + c draws at least its rate."""
    def dropout(values, p=0.5, training=True, inplace=False):
        if not training or p == 0.0: return values
        keep = (draws(2000 + len(calls), *values.shape) >= p).float()
        calls.append(p)
        return values * keep / (1 - p)
    return dropout


def exact(tensor):
    return [float(f"{value:.8g}") for value in tensor.detach().flatten().tolist()]


def record(family, config):
    model = AutoModelForTokenClassification.from_config(AutoConfig.for_model(family, **config, num_labels=TAGS), attn_implementation="eager")
    named = sorted(model.named_parameters())
    for place, (name, parameter) in enumerate(named):
        norm = name.lower().endswith(("layernorm.weight", "layer_norm.weight"))
        parameter.data = (draws(100 + place, *parameter.shape) - 0.5) + (1.0 if norm else 0.0)
    inputs = batch(config["pad_token_id"])
    plain = model.eval()(**inputs)
    calls = []
    torch.nn.functional.dropout = drop(calls)
    dropped = model.train()(**inputs)
    dropped.loss.backward()
    return dict(config=dict(model_type=family, **config), shapes={name: list(parameter.shape) for name, parameter in named},
                loss=plain.loss.item(), logits=exact(plain.logits), rates=calls, dropped_loss=dropped.loss.item(),
                gradients={name: exact(parameter.grad) for name, parameter in named})


torch.set_num_threads(1)
FILE.write_text(json.dumps([record(*case) for case in CASES], separators=(",", ":")) + "\n")
