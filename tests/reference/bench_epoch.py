"""An epoch of recorded sentences with Hugging Face's Trainer at its defaults: the peer of the training benchmark.

python bench_epoch.py --model ENCODER_DIR --recordings FILE [--threads 2]

Prints `ready`, then for the line `epoch` on stdin trains one epoch and answers with its seconds. The labels are all `O`:
they make no difference to the work. Needs torch, transformers and accelerate.
"""
import argparse
import json
import sys
import tempfile
import time

import torch
from transformers import (AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification, Trainer,
                          TrainerCallback, TrainingArguments)

arg = argparse.ArgumentParser()
arg.add_argument("--model", required=True)
arg.add_argument("--recordings", required=True)
arg.add_argument("--threads", type=int, default=2)
a = arg.parse_args()
torch.set_num_threads(a.threads)
tokenizer = AutoTokenizer.from_pretrained(a.model)
model = AutoModelForTokenClassification.from_pretrained(a.model, num_labels=5)
texts = [example["text"] for line in open(a.recordings)
         for example in json.loads(json.loads(line)["completion"])["examples"]]
rows = [{"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [0] * len(ids)}
        for ids in tokenizer(texts, truncation=True, max_length=192)["input_ids"]]


class Clock(TrainerCallback):
    """Times the loop alone: set-up and saving are not in it."""

    def on_train_begin(self, *_, **__):
        self.began = time.perf_counter()

    def on_epoch_end(self, *_, **__):
        self.seconds = time.perf_counter() - self.began


print("ready", flush=True)
for line in sys.stdin:
    with tempfile.TemporaryDirectory() as place:
        clock = Clock()
        settings = TrainingArguments(output_dir=place, num_train_epochs=1, report_to=[], save_strategy="no",
                                     disable_tqdm=True, logging_strategy="no", use_cpu=True)
        trainer = Trainer(model=model, args=settings, train_dataset=rows,
                          data_collator=DataCollatorForTokenClassification(tokenizer), callbacks=[clock])
        sys.stdout = sys.stderr  # The trainer prints its own summary.
        trainer.train()
        sys.stdout = sys.__stdout__
    print(clock.seconds, flush=True)
