"""One opening of a model by transformers, for bench/load.ts: tokenizer, weights, first greedy token; openings/s.
A round is {"prompt": text}; a process serves one."""

import argparse
import json
import sys
import time

import torch
import transformers

# Lazily loaded modules count as libraries.
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
print(json.dumps({"ready": f"torch {torch.__version__}, transformers {transformers.__version__}"}), flush=True)

for line in sys.stdin:
    prompt = json.loads(line)["prompt"]
    start = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype).eval()
    ids = tokenizer(prompt, return_tensors="pt")
    model.generate(**ids, do_sample=False, max_new_tokens=1, pad_token_id=0)
    print(json.dumps({"value": 1 / (time.perf_counter() - start)}), flush=True)
