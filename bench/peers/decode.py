"""Generation by transformers, for bench/decode-135m.ts and bench/samples.ts. A round is one of
  {"kind": "greedy", "prompts": [[id]], "newTokens": n}: prompts of one length, n new tokens each; new tokens/s;
  {"kind": "samples", "prompts": [[id]], "copies": k, "newTokens": n, "stop": [text]}: k samples of each prompt at
    temperature 1; useful tokens/s, which are those up to the end-of-sequence token or the one that completes a stop
    string. Variants: "together", one left-padded batch of all samples, or "apart", one prompt's samples after the
    other; "nostop": without its own search for stop strings, which costs it more than the tokens after them. The
    default is its fastest way here."""

import argparse
import json
import sys
import time

import torch
import transformers

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--variant", default="dynamic,apart,nostop")
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(1)
transformers.logging.set_verbosity_error()
variant = args.variant.split(",")
dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation="sdpa").eval()
more = {"cache_implementation": "static"} if "static" in variant else {}

def greedy(asked):
    ids = torch.tensor(asked["prompts"])
    n = asked["newTokens"]
    start = time.perf_counter()
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, min_new_tokens=n, max_new_tokens=n, pad_token_id=0, **more)
    seconds = time.perf_counter() - start
    assert out.shape == (len(ids), ids.shape[1] + n)
    return out.shape[0] * n / seconds

def useful(row, asked):
    """Tokens up to the end, the token that ends included."""
    for count in range(1, len(row) + 1):
        if row[count - 1] == model.config.eos_token_id:
            return count
        if count % 8 == 0 or count == len(row):
            text = tokenizer.decode(row[:count])
            if any(stop in text for stop in asked["stop"]):
                at = max(1, count - 8)
                while not any(stop in tokenizer.decode(row[:at]) for stop in asked["stop"]):
                    at += 1
                return at
    return len(row)

def sample(prompts, copies, asked):
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    stops = {} if "nostop" in variant else {"stop_strings": asked["stop"], "tokenizer": tokenizer}
    out = model.generate(
        ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=asked["newTokens"],
        num_return_sequences=copies, pad_token_id=model.config.eos_token_id, **stops, **more)
    return out[:, width:].tolist()

def samples(asked):
    start = time.perf_counter()
    batches = [[p] for p in asked["prompts"]] if "apart" in variant else [asked["prompts"]]
    rows = [row for batch in batches for row in sample(batch, asked["copies"], asked)]
    seconds = time.perf_counter() - start
    return sum(useful(row, asked) for row in rows) / seconds

about = {"torch": torch.__version__, "transformers": transformers.__version__, "threads": args.threads, "variant": variant}
print(json.dumps({"ready": about}))
sys.stdout.flush()
with torch.inference_mode():
    for line in sys.stdin:
        asked = json.loads(line)
        value = greedy(asked) if asked["kind"] == "greedy" else samples(asked)
        print(json.dumps({"value": value}))
        sys.stdout.flush()
