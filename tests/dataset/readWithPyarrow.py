"""Prints the tables of a dataset directory's segments and of its parquet export as JSON."""
import glob
import json
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

directory, exported = sys.argv[1:]


def segments(name):
    rows = []
    for path in sorted(glob.glob(f"{directory}/{name}/*.arrow")):
        rows += ipc.open_file(pa.memory_map(path)).read_all().to_pylist()
    return rows


print(
    json.dumps(
        {
            "arrow": {name: segments(name) for name in ("tasks", "attempts")},
            "parquet": {name: pq.read_table(f"{exported}/{name}.parquet").to_pylist() for name in ("tasks", "attempts")},
        }
    )
)
