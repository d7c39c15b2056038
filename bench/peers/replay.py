"""d3rlpy's ReplayBuffer for bench/replay.ts: sample_trajectory_batch of 256 windows. A round is {"size": n, "batches": k}
and gives the median milliseconds of a batch from n transitions; {"size": n, "rss": true} gives the process's memory in
MB. The buffer of the last size is kept."""

import argparse
import json
import os
import sys
import time
from importlib.metadata import version

import numpy as np
from d3rlpy.dataset import Episode, InfiniteBuffer, ReplayBuffer

# d3rlpy logs to the standard output, which is for answers here.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

parser = argparse.ArgumentParser()
parser.add_argument("--window", type=int, default=32)
args = parser.parse_args()


def episodes(transitions):
    random = np.random.default_rng(transitions)
    held = 0
    while held < transitions:
        n = int(random.integers(50, 151))
        tokens = random.integers(0, 49152, n + 1, dtype=np.int32)
        rewards = np.zeros((n, 1), dtype=np.float32)
        rewards[-1] = float(random.integers(0, 3) == 0)
        yield Episode(tokens[:-1, None], tokens[1:, None], rewards, True)
        held += n


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1e3 * 1.024 for line in status if line.startswith("VmRSS"))


print(json.dumps({"ready": f"d3rlpy {version('d3rlpy')}, numpy {np.__version__}"}), flush=True, file=answers)
held, buffer = 0, None
for line in sys.stdin:
    settings = json.loads(line)
    if settings["size"] != held:
        buffer = None
        held = settings["size"]
        buffer = ReplayBuffer(InfiniteBuffer(), episodes=list(episodes(held)))
        for _ in range(3):
            buffer.sample_trajectory_batch(256, args.window)
    if settings.get("rss"):
        value = resident()
    else:
        times = []
        for _ in range(settings["batches"]):
            start = time.perf_counter()
            buffer.sample_trajectory_batch(256, args.window)
            times.append(time.perf_counter() - start)
        value = float(np.median(times)) * 1e3
    print(json.dumps({"value": value}), flush=True, file=answers)
