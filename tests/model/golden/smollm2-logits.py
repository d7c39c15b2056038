"""Logits and greedy continuations of SmolLM2-135M-Instruct, by transformers in float32.

    python3 tests/model/golden/smollm2-logits.py policies/smollm2-135m

The argument is a policy imported from the GGUF in float32 (bit for bit the dequantised weights). Writes
smollm2-logits.json beside this file: sampled logits of a short, a middling and a long prompt in one batch,
padded left and right, and 128 tokens of 20 prompts by argmax (end-of-sequence does not end them).
"""
import json
import pathlib
import sys

import numpy as np
import torch
import transformers

PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n",
    "Once upon a time, in a village by the sea,",
    "// Returns the sum of the squares of an array.\nfunction sumOfSquares(xs) {\n",
    "<|im_start|>user\nWhat is a binary search tree?<|im_end|>\n<|im_start|>assistant\n",
    "The three laws of thermodynamics are:\n1.",
    "import numpy as np\n\ndef softmax(x):\n",
    "Q: How many legs does a spider have?\nA:",
    "const isPrime = (n) => {\n",
    "Dear Professor,\n\nI am writing to ask about",
    "To make bread you need flour, water, salt and",
    "SELECT name, COUNT(*) FROM orders\n",
    "class Stack:\n    def __init__(self):\n",
    "<|im_start|>user\nWrite a function that reverses a string.<|im_end|>\n<|im_start|>assistant\n",
    "Photosynthesis is the process by which",
    "1, 1, 2, 3, 5, 8, 13,",
    "# Release notes\n\n## Version 2.0\n\n-",
    "La tour Eiffel se trouve à",
    "The quick brown fox jumps over the lazy dog. The dog",
    "export function debounce<T>(fn: (x: T) => void, wait: number) {\n",
]
NEW = 128
SAMPLES = 150

torch.set_num_threads(2)
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()


def ids_of(text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def continuation(ids):
    """The next NEW tokens by argmax, and the least lead of the first over the second on the way."""
    out, cache, margin, step = [], None, float("inf"), torch.tensor([ids])
    for _ in range(NEW):
        with torch.no_grad():
            result = model(step, past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        top = result.logits[0, -1].topk(2)
        margin = min(margin, float(top.values[0] - top.values[1]))
        out.append(int(top.indices[0]))
        step = top.indices[:1].reshape(1, 1)
    return out, margin


greedy = []
for prompt in PROMPTS:
    tokens, margin = continuation(ids_of(prompt))
    greedy.append({"prompt": prompt, "ids": ids_of(prompt), "tokens": tokens, "margin": round(margin, 5)})
    print(f"{margin:.5f} {prompt!r}", file=sys.stderr)

# The long one: prompts with what greedy decoding made of them, as one text.
long = [t for g in greedy[:6] for t in g["ids"] + g["tokens"]][:760]
sequences = [greedy[0]["ids"], greedy[13]["ids"] + greedy[13]["tokens"][:40], long]
longest = max(map(len, sequences))


def batch(side):
    pad = tokenizer.pad_token_id
    filler = [[pad] * (longest - len(s)) for s in sequences]
    ids = [f + s if side == "left" else s + f for s, f in zip(sequences, filler)]
    mask = [[0] * len(f) + [1] * len(s) if side == "left" else [1] * len(s) + [0] * len(f) for s, f in zip(sequences, filler)]
    mask = torch.tensor(mask)
    with torch.no_grad():
        logits = model(
            torch.tensor(ids), attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0)
        ).logits
    return [row[m.bool()] for row, m in zip(logits, mask)]


rng = np.random.default_rng(3)
left, right = batch("left"), batch("right")
cases = []
for s, l, r in zip(sequences, left, right):
    # Half of the samples are the likeliest token of their position, half any token; the last position is among them.
    positions = rng.integers(0, len(s), SAMPLES)
    positions[:10] = len(s) - 1
    tokens = rng.integers(0, l.shape[1], SAMPLES)
    tokens[::2] = l[positions[::2]].argmax(-1).numpy()
    places = list(zip(positions.tolist(), tokens.tolist()))
    cases.append(
        {
            "ids": s,
            "positions": positions.tolist(),
            "tokens": tokens.tolist(),
            "left": [round(float(l[p, t]), 5) for p, t in places],
            "right": [round(float(r[p, t]), 5) for p, t in places],
        }
    )
    print("left and right differ by", float((l - r).abs().max()), file=sys.stderr)

result = {
    "by": f"transformers {transformers.__version__}, torch {torch.__version__}",
    "logits": cases,
    "greedy": greedy,
}
target = pathlib.Path(__file__).with_name("smollm2-logits.json")
target.write_text(json.dumps(result, ensure_ascii=False) + "\n")
