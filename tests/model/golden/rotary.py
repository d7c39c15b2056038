"""Rotary frequencies and tables of published shapes, by transformers in float32.

    python3 tests/model/golden/rotary.py

Writes rotary.json beside this file: each shape's inv_freq, and cos and sin of its last position, float32,
little-endian, base64.
"""
import base64
import json
import pathlib

import torch
import transformers
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

LLAMA3 = {
    "rope_type": "llama3",
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
SHAPES = {
    "SmolLM2-135M": (64, 100000.0, None, 8192),
    "TinyLlama-1.1B": (64, 10000.0, None, 2048),
    "Llama-3.2-1B": (64, 500000.0, {**LLAMA3, "factor": 32.0}, 131072),
    "Llama-3.1-8B": (128, 500000.0, {**LLAMA3, "factor": 8.0}, 131072),
    "Qwen2.5-Coder-7B": (128, 1000000.0, None, 32768),
    "linear, 4": (128, 10000.0, {"rope_type": "linear", "factor": 4.0}, 16384),
    "linear, 3, heads of 80": (80, 10000.0, {"rope_type": "linear", "factor": 3.0}, 6144),
}


def packed(x):
    return base64.b64encode(x.detach().numpy().astype("<f4").tobytes()).decode()


cases = []
for name, (width, theta, scaling, positions) in SHAPES.items():
    config = transformers.LlamaConfig(
        head_dim=width, rope_theta=theta, rope_scaling=scaling and dict(scaling), max_position_embeddings=positions
    )
    rotary = LlamaRotaryEmbedding(config)
    cos, sin = rotary(torch.zeros(1), torch.tensor([[positions - 1]]))
    cases.append(
        {
            "name": name,
            "head_dim": width,
            "rope_theta": theta,
            "rope_scaling": scaling,
            "positions": positions,
            "frequencies": packed(rotary.inv_freq),
            "cos": packed(cos[0, 0]),
            "sin": packed(sin[0, 0]),
        }
    )
by = f"transformers {transformers.__version__}, torch {torch.__version__}"
target = pathlib.Path(__file__).with_name("rotary.json")
target.write_text(json.dumps({"by": by, "cases": cases}, indent=1) + "\n")
