"""Steps of AdamW with clipping and a schedule, from PyTorch (double precision).

    python3 tests/learner/golden/optimizer.py > tests/learner/golden/optimizer.json

A small network is fitted to eight programs, all of them in every step. Row t of a program with n actions and reward R has
the features (R, n / 8, 1 if the program goes on) and is to give (1 - R, (n - 3) / 4). The matrix decays and the bias does
not; the rates are those of a linear warm-up and a cosine to the final rate.
"""
import json
import torch

torch.manual_seed(20261124)
torch.set_default_dtype(torch.float64)
STEPS = 12
programs = [{"actions": n, "reward": r} for n, r in [(1, 1), (2, 0), (3, 0.25), (4, 1), (5, 0), (6, 1), (7, 0.75), (4, 0)]]
x = torch.tensor([[p["reward"], p["actions"] / 8, t < p["actions"] - 1] for p in programs for t in range(p["actions"])]).double()
y = torch.tensor([[1 - p["reward"], (p["actions"] - 3) / 4] for p in programs for _ in range(p["actions"])])


def run(beta1, beta2, epsilon, decay, clip, scale, peak, final, warmup):
    w = torch.full((3, 2), 0.5, requires_grad=True)
    b = torch.full((2,), -0.25, requires_grad=True)
    groups = [{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=peak, betas=(beta1, beta2), eps=epsilon)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=STEPS - warmup, eta_min=final)
    schedule = cosine
    if warmup > 0:
        rise = torch.optim.lr_scheduler.LinearLR(adam, start_factor=1 / warmup, total_iters=warmup - 1)
        schedule = torch.optim.lr_scheduler.SequentialLR(adam, [rise, cosine], milestones=[warmup])
    rates, losses, norms = [], [], []
    for _ in range(STEPS):
        rates.append(adam.param_groups[0]["lr"])
        adam.zero_grad()
        loss = scale * (torch.tanh(x @ w + b) - y).square().sum(1).mean()
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_([w, b], clip if clip > 0 else float("inf")).item())
        adam.step()
        schedule.step()
    state = {}
    for name, p in [("w", w), ("b", b)]:
        state[name] = p.detach().flatten().tolist()
        state[f"{name}/m"] = adam.state[p]["exp_avg"].flatten().tolist()
        state[f"{name}/v"] = adam.state[p]["exp_avg_sq"].flatten().tolist()
    return {"rates": rates, "losses": losses, "norms": norms, "state": state}


cases = []
for beta1, beta2, epsilon, decay, clip, scale, peak, final, warmup in [
    (0.9, 0.95, 1e-8, 0.01, 1.0, 4.0, 0.1, 0.0, 4),
    (0.9, 0.99, 1e-3, 0.5, 0.0, 0.01, 0.05, 0.005, 0),
    (0.5, 0.9, 1e-6, 0.0, 0.3, 1.0, 0.2, 0.02, 3),
]:
    settings = {
        "optimizer": {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "weightDecay": decay, "clipNorm": clip},
        "scale": scale,
        "schedule": {"learningRate": peak, "finalLearningRate": final, "warmupSteps": warmup, "kind": "cosine"},
    }
    cases.append(settings | run(beta1, beta2, epsilon, decay, clip, scale, peak, final, warmup))
print(json.dumps({"torch": torch.__version__, "programs": programs, "cases": cases}, indent=1))
