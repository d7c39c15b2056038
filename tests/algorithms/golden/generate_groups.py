"""Golden losses over groups and pairs of programs, from an independent implementation in PyTorch (double precision).

    python3 tests/algorithms/golden/generate_groups.py > tests/algorithms/golden/groups.json

Programs with rewards, logits of the policy and of the reference at each of their tokens, and the log-probs of the policy
that wrote some of them. Everything else (masks, weights, group statistics) is worked out here program by program.
"""
import json
import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
V = 7


def f32(x):
    """Rounded to float32, as the test will read it."""
    return x.float().double()


programs = []
# Two problems. Rewards between 0 and 1 are no passes. Lengths differ, prompts too.
for task, reward, length, known in [
    ("a", 1.0, 4, True),
    ("a", 0.0, 3, True),
    ("a", 0.25, 2, False),
    ("a", 1.0, 1, False),
    ("b", 1.0, 5, False),
    ("b", 0.0, 3, False),
    ("b", 0.0, 4, True),
    ("b", 0.0, 2, True),
]:
    logits = f32(torch.randn(length, V))
    tokens = torch.randint(0, V, (length,))
    own = torch.log_softmax(logits, 1)[torch.arange(length), tokens]
    programs.append(
        {
            "task": task,
            "reward": reward,
            "prompt": 1 + len(programs) % 3,
            "tokens": tokens,
            "logits": logits,
            "reference": f32(logits + 1.0 * torch.randn(length, V)),
            "behaviour": f32(own + 0.7 * torch.randn(length)) if known else None,
            # Tokens of it whose behaviour is taken to be unknown all the same.
            "unknown": [1] if len(programs) == 6 else [],
        }
    )


def log_probs(x, p):
    return torch.log_softmax(x, 1)[torch.arange(len(p["tokens"])), p["tokens"]]


def advantages(batch, form, beta=1.0, clip=20.0):
    out = {}
    for group in {g for _, g in batch}:
        members = [i for i, (_, g) in enumerate(batch) if g == group]
        rewards = torch.tensor([programs[batch[i][0]]["reward"] for i in members])
        for at, i in enumerate(members):
            others = torch.cat([rewards[:at], rewards[at + 1 :]])
            scaled = (rewards[at] - rewards.mean()) / rewards.std(unbiased=False)
            out[i] = {
                "leave-one-out": rewards[at] - others.mean(),
                "normalised": scaled,
                "exponential": torch.exp(beta * scaled).clamp(max=clip),
            }[form].item()
    return [out[i] for i in range(len(batch))]


def k3(log_pi, log_ref):
    x = (log_ref - log_pi).exp()
    return x - x.log() - 1


def passing_ce(batch, log_pi):
    own = [-log_pi[i] for i, (e, _) in enumerate(batch) if programs[e]["reward"] == 1]
    return torch.cat(own).mean()


def mean_abs(values):
    return torch.tensor(values).abs().mean()


def rloo(batch, logits, c):
    form, taper, kl = c.get("advantage", "leave-one-out"), c.get("taper", "topr"), c.get("kl", 0.0)
    a = advantages(batch, form, c.get("beta", 1.0), c.get("clip", 20.0))
    log_pi = [log_probs(logits[i], programs[e]) for i, (e, _) in enumerate(batch)]
    log_ref = [log_probs(programs[e]["reference"], programs[e]) for e, _ in batch]
    tokens = sum(len(x) for x in log_pi)
    policy, tapers = 0.0, []
    for i, (e, _) in enumerate(batch):
        p, w = programs[e], 1.0
        if taper == "topr" and a[i] < 0:
            mu = log_ref[i] if p["behaviour"] is None or p["unknown"] else p["behaviour"]
            w = min(1.0, (log_pi[i].sum() - mu.sum()).exp().item())
        tapers.append(w)
        divisor = tokens if c.get("normalise", "token") == "token" else len(batch)
        policy = policy - w * a[i] * log_pi[i].sum() / divisor
    ce_passing = passing_ce(batch, log_pi)
    spread = torch.cat([k3(x, y) for x, y in zip(log_pi, log_ref)]).mean()
    tapering = taper == "topr" and form != "exponential"
    return policy + c.get("anchor", 1.0) * ce_passing + kl * spread, {
        "policy": policy,
        "ce": -torch.cat(log_pi).mean(),
        "ce_passing": ce_passing,
        "advantage_abs": mean_abs(a),
        **({"taper": torch.tensor(tapers).mean()} if tapering else {}),
        **({"kl": spread} if tapering or kl > 0 else {}),
    }


def grpo(batch, logits, c):
    a = advantages(batch, c.get("advantage", "normalised"))
    low, high = c.get("clipLow", 0.2), c.get("clipHigh", 0.2)
    log_pi = [log_probs(logits[i], programs[e]) for i, (e, _) in enumerate(batch)]
    policy, spread, ratios, clipped, known = [], [], [], [], []
    for i, (e, _) in enumerate(batch):
        p = programs[e]
        ref = log_probs(p["reference"], p)
        old = ref.clone()
        for t in range(len(old)):
            if p["behaviour"] is not None and t not in p["unknown"]:
                old[t] = p["behaviour"][t]
                known.append(1.0)
            else:
                known.append(0.0)
        r = (log_pi[i] - old).exp()
        policy.append(-torch.minimum(r * a[i], r.clamp(1 - low, 1 + high) * a[i]))
        spread.append(k3(log_pi[i], ref))
        ratios.append(r)
        clipped.append((r > 1 + high) if a[i] > 0 else (r < 1 - low))
    if c.get("normalise", "sequence-mean") == "token":
        mean = lambda xs: torch.cat(xs).mean()
    else:
        mean = lambda xs: torch.stack([x.mean() for x in xs]).mean()
    ce_passing = passing_ce(batch, log_pi)
    total = mean(policy) + c.get("kl", 0.04) * mean(spread) + c.get("anchor", 0.0) * ce_passing
    return total, {
        "policy": mean(policy),
        "kl": mean(spread),
        "ratio": torch.cat(ratios).mean(),
        "clip_fraction": torch.cat(clipped).double().mean(),
        "entropy": -torch.cat(log_pi).mean(),
        "ce_passing": ce_passing,
        "advantage_abs": mean_abs(a),
        "behaviour_known": torch.tensor(known).mean(),
    }


def dpo(batch, logits, c):
    ratios = []
    for i, (e, _) in enumerate(batch):
        each = log_probs(logits[i], programs[e]) - log_probs(programs[e]["reference"], programs[e])
        ratios.append(each.mean() if c.get("lengthNormalised") else each.sum())
    chosen, rejected = torch.stack(ratios[0::2]), torch.stack(ratios[1::2])
    margin = c.get("beta", 0.1) * (chosen - rejected)
    eps = c.get("labelSmoothing", 0.0)
    preference = -((1 - eps) * F.logsigmoid(margin) + eps * F.logsigmoid(-margin)).mean()
    ce = passing_ce(batch, [log_probs(logits[i], programs[e]) for i, (e, _) in enumerate(batch)])
    return preference + c.get("sft", 1.0) * ce, {
        "dpo": preference,
        "ce_passing": ce,
        "margin": margin.mean(),
        "accuracy": (margin > 0).double().mean(),
        "chosen": chosen.mean(),
        "rejected": rejected.mean(),
    }


def case(name, config, loss, batch):
    logits = [programs[e]["logits"].clone().requires_grad_(True) for e, _ in batch]
    total, parts = loss(batch, logits, config)
    total.backward()
    return {
        "algorithm": name,
        "config": config,
        "batch": [list(x) for x in batch],
        "total": total.item(),
        "parts": {n: x.item() for n, x in parts.items()},
        # Of the logits, program by program in the order of the batch.
        "gradient": torch.cat([x.grad for x in logits]).flatten().tolist(),
    }


fours = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (7, 1)]
twos = [(0, 0), (2, 0), (3, 1), (1, 1), (4, 2), (6, 2)]
cases = []
for config in [
    {},
    {"advantage": "normalised"},
    {"advantage": "exponential"},
    {"advantage": "exponential", "beta": 2.5, "clip": 3.0, "anchor": 0.25, "kl": 0.1},
    {"taper": "none", "anchor": 0, "normalise": "sequence"},
    {"taper": "none", "advantage": "normalised", "normalise": "sequence", "anchor": 0.5},
    {"advantage": "exponential", "anchor": 0, "normalise": "sequence"},
    {"taper": "topr", "advantage": "normalised", "normalise": "sequence", "kl": 0.04},
    {"taper": "none", "kl": 0.3},
]:
    cases.append(case("rloo", config, rloo, fours))
cases.append(case("rloo", {"groupSize": 2, "taper": "topr", "kl": 0.05}, rloo, twos))
for config in [
    {},
    {"kl": 0, "normalise": "token"},
    {"advantage": "leave-one-out", "anchor": 0.5},
    {"clipLow": 0.1, "clipHigh": 0.4, "normalise": "token", "kl": 0.2},
]:
    cases.append(case("grpo", config, grpo, fours))
cases.append(case("grpo", {"groupSize": 2, "advantage": "leave-one-out", "clipHigh": 0.05}, grpo, twos))
for config in [
    {},
    {"beta": 0.5, "sft": 0},
    {"beta": 2, "labelSmoothing": 0.1, "sft": 0.25},
    {"beta": 3, "lengthNormalised": True},
]:
    cases.append(case("dpo", config, dpo, twos))

plain = lambda x: x.flatten().tolist() if isinstance(x, torch.Tensor) else x
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "vocabulary": V,
            "programs": [{n: plain(x) for n, x in p.items()} for p in programs],
            "cases": cases,
        },
        indent=1,
    )
)
