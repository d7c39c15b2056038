"""Training steps in PyTorch, for bench/Training.ts: tokens per second of whole steps (forward, backward, clipping,
AdamW). SmolLM2 is transformers' own model with scaled_dot_product_attention; the small one a plain Llama."""

import argparse
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--mode", choices=["small", "lora", "full", "heads"], required=True)
parser.add_argument("--model", default="")
parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--time", type=int, required=True)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(1)
B, T = args.batch, args.time

class Block(nn.Module):
    def __init__(self, d, heads, inner):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(d, 1e-5), nn.RMSNorm(d, 1e-5)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.o = nn.Linear(d, d, bias=False)
        self.gate_up = nn.Linear(d, 2 * inner, bias=False)
        self.down = nn.Linear(inner, d, bias=False)

    def forward(self, x, cos, sin):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q = q * cos + torch.roll(q, q.shape[-1] // 2, -1) * sin
        k = k * cos + torch.roll(k, k.shape[-1] // 2, -1) * sin
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, d))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

class Small(nn.Module):
    def __init__(self, vocabulary=512, d=128, layers=4, heads=4, inner=352):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, d)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(d, heads, inner) for _ in range(layers))
        self.norm = nn.RMSNorm(d, 1e-5)
        half = d // heads // 2
        angle = torch.arange(T)[:, None] / 10000 ** (torch.arange(half) / half)
        self.register_buffer("cos", torch.cat([angle.cos(), angle.cos()], -1))
        self.register_buffer("sin", torch.cat([-angle.sin(), angle.sin()], -1))

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return F.linear(self.norm(x), self.embed.weight)

class Lora(nn.Module):
    def __init__(self, base, rank=8, alpha=16):
        super().__init__()
        like = {"dtype": base.weight.dtype}
        self.base, self.scale = base, alpha / rank
        self.a = nn.Parameter(torch.randn(base.in_features, rank, **like) / base.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(rank, base.out_features, **like))

    def forward(self, x):
        return self.base(x) + (x @ self.a) @ self.b * self.scale

class Critic(nn.Module):
    """Twin Q over candidate tokens and V, as src/model/Heads.ts has them."""

    def __init__(self, d):
        super().__init__()
        self.W = nn.ParameterList(torch.randn(d, d) * 1e-3 / d**0.5 for _ in range(2))
        self.w = nn.Parameter(torch.zeros(d, 3))
        self.bias = nn.Parameter(torch.full((3,), -2.0))

    def forward(self, h, embeddings):
        state = h @ self.w + self.bias
        directions = torch.stack([h @ self.W[0], h @ self.W[1]], -1)
        return torch.bmm(embeddings, directions) + state[:, None, :2], state[:, 2]

def pretrained():
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if args.dtype == "bf16" and args.mode != "full" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation="sdpa")
    if args.mode != "full":
        model.requires_grad_(False)
    return model.train()

if args.mode == "small":
    model = Small()
    vocabulary = 512
    parameters = list(model.parameters())
else:
    model = pretrained()
    vocabulary = model.config.vocab_size
    if args.mode == "lora":
        for layer in model.model.layers:
            layer.self_attn.q_proj = Lora(layer.self_attn.q_proj)
            layer.self_attn.v_proj = Lora(layer.self_attn.v_proj)
    critic = Critic(model.config.hidden_size) if args.mode == "heads" else None
    parameters = [p for p in (critic or model).parameters() if p.requires_grad]

ids = torch.randint(3, min(vocabulary, 2000), (B, T + 1))
inputs, labels = ids[:, :-1].contiguous(), ids[:, 1:].reshape(-1)
returns = (torch.arange(B) % 2).float().repeat_interleave(T)

def policy_loss():
    if args.mode == "small":
        return F.cross_entropy(model(inputs).view(B * T, -1), labels)
    hidden = model.model(inputs, use_cache=False).last_hidden_state.view(B * T, -1)
    return F.cross_entropy(model.lm_head(hidden).float(), labels)

def critic_loss():
    with torch.no_grad():
        hidden = model.model(inputs, use_cache=False).last_hidden_state.view(B * T, -1)
        top = torch.cat([model.lm_head(rows).topk(32, -1).indices for rows in hidden.split(256)])
        candidates = torch.cat([top, labels[:, None]], 1)
        embeddings = model.model.embed_tokens.weight[candidates].float()
        twice = F.pad((top == labels[:, None]).float() * -1e9, (0, 1))
        hidden = hidden.float()
    q, v = critic(hidden, embeddings)
    data = q[:, -1]
    td = F.binary_cross_entropy_with_logits(data, returns[:, None].expand(-1, 2)) * 2
    bounded = torch.sigmoid(q)
    cql = (torch.logsumexp(bounded + twice[..., None], 1) - bounded[:, -1]).sum(-1).mean()
    return td + cql + F.binary_cross_entropy_with_logits(v, returns)

def make(kind):
    return torch.optim.AdamW(parameters, 1e-5, (0.9, 0.95), weight_decay=0.01, **{kind: True})

def step(optimizer):
    optimizer.zero_grad()
    loss = critic_loss() if args.mode == "heads" else policy_loss()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    return loss.item()

def rate(optimizer, steps):
    start = time.perf_counter()
    for _ in range(steps):
        step(optimizer)
    return steps * B * T / (time.perf_counter() - start)

# The faster of the two optimizers.
trial = 20 if args.mode == "small" else 1
optimizers = {kind: make(kind) for kind in ("fused", "foreach")}
for optimizer in optimizers.values():
    rate(optimizer, trial)
rates = {kind: rate(optimizer, trial) for kind, optimizer in optimizers.items()}
best = max(rates, key=lambda kind: rates[kind])
chosen = optimizers.pop(best)
optimizers.clear()

count = sum(p.numel() for p in parameters)
print(json.dumps({"ready": {"torch": torch.__version__, "threads": args.threads, "adam": best, "trains": count}}))
sys.stdout.flush()
for line in sys.stdin:
    print(json.dumps({"value": rate(chosen, json.loads(line)["steps"])}))
    sys.stdout.flush()
