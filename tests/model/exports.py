"""What transformers, peft and gguf make of exported policies: python exports.py JOBS.json, for ExportParity.test.ts.

Each job has a kind, the paths that it is about, and ids or texts; the answers are printed as one JSON list in the same
order. Logits are of every position of one sequence, float32, little-endian, base64.
"""
import base64
import json
import pathlib
import sys

import gguf
import numpy as np
import peft
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


def pack(x):
    return base64.b64encode(np.ascontiguousarray(x.detach().float().numpy(), "<f4").tobytes()).decode()


def logits(model, ids):
    with torch.no_grad():
        return pack(model.eval()(torch.tensor([ids])).logits[0])


def policy(job):
    stored = AutoModelForCausalLM.from_pretrained(job["path"])
    model = AutoModelForCausalLM.from_pretrained(job["path"], dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(job["path"])
    texts = job["texts"]
    return {
        "class": type(model).__name__,
        "dtype": str(stored.dtype),
        "logits": logits(model, job["ids"]),
        "ids": [tokenizer(text, add_special_tokens=False).input_ids for text in texts],
        "begun": [tokenizer(text).input_ids for text in texts],
        "eos": model.generation_config.eos_token_id,
    }


def adapter(job):
    base = AutoModelForCausalLM.from_pretrained(job["base"], dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(base, job["path"])
    config = model.peft_config["default"]
    found = logits(model, job["ids"])
    # Saved again by PEFT itself, for the other way round.
    model.save_pretrained(job["saved"])
    return {"logits": found, "targets": sorted(config.target_modules), "rank": config.r, "alpha": config.lora_alpha}


def one_gguf(job):
    path = pathlib.Path(job["path"])
    reader = gguf.GGUFReader(path)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    return {
        "architecture": reader.get_field("general.architecture").contents(),
        "pre": reader.get_field("tokenizer.ggml.pre").contents(),
        "tokens": len(reader.get_field("tokenizer.ggml.tokens").contents()),
        "types": sorted({tensor.tensor_type.name for tensor in reader.tensors}),
        "tensors": {
            tensor.name: pack(torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type)).reshape(-1))
            for tensor in reader.tensors
        },
        "logits": logits(model, job["ids"]),
    }


KINDS = {"policy": policy, "adapter": adapter, "gguf": one_gguf}
jobs = json.loads(pathlib.Path(sys.argv[1]).read_text())
print(json.dumps([KINDS[job["kind"]](job) for job in jobs]))
