"""One training step of an encoder in PyTorch, on demand: the peer of `crates/training/benches/step.rs`.

python bench_step.py --model ENCODER_DIR [--threads 2] [--dropout] [--bf16]

Prints `ready`, then for each line `BATCH LENGTH` on stdin takes one step (forward, backward, clip by norm, AdamW) on
random sub-tokens of that shape and answers with its milliseconds; `memory` is answered with the process's peak resident
memory in MB. Needs torch and transformers. AdamW is the fused
one and attention is SDPA: the fastest eager settings on CPU.
"""
import argparse
import resource
import sys
import time

import torch
from transformers import AutoModelForTokenClassification

arg = argparse.ArgumentParser()
arg.add_argument("--model", required=True)
arg.add_argument("--threads", type=int, default=2)
arg.add_argument("--tags", type=int, default=5)
arg.add_argument("--dropout", action="store_true")
arg.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
a = arg.parse_args()
torch.manual_seed(0)
torch.set_num_threads(a.threads)
rate = 0.1 if a.dropout else 0.0
model = AutoModelForTokenClassification.from_pretrained(
    a.model, num_labels=a.tags, hidden_dropout_prob=rate, attention_probs_dropout_prob=rate)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01, fused=True)


def step(batch, length):
    ids = torch.randint(1000, model.config.vocab_size, (batch, length))
    labels = torch.randint(0, a.tags, (batch, length))
    mask = torch.ones_like(ids)
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return (time.perf_counter() - began) * 1e3


print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "memory":
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, flush=True)
    else:
        print(step(*map(int, line.split())), flush=True)
