"""What ``dedupe`` and ``reuse`` cost: whole jobs with them, beside the same job without.

    python tests/benchmarks/never_twice.py [--rows N]

Each job has a process of its own, and is done with ten rows first. What more rows add to the largest memory by then is
printed, and its time as a ratio to the time of the job without, which is done first and last: its mean counts. The
server on loopback has a process of its own too.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from memory import FEW, MODEL, Store, TaskInstance, most_mb

ROWS = 1_000_000
LIMIT_MB = 80
TIMES = 1.5
"""How many times as long a job may take with one of them; with both, each may add as much."""
WORDS = "How does the customer feel about this product, which came late and was broken? "

JOBS = {
    "without": "neither",
    "dedupe-none": "dedupe, all rows differ",
    "dedupe-half": "dedupe, each request twice",
    "reuse-none": "reuse, as many answers, none of them to these rows",
    "reuse-all": "reuse, an answer to each row",
    "both": "both, an answer to half of the rows, the others twice",
    "again": "neither, once more",
}
WITHOUT = ("without", "again")


def rows_of(kind, count):
    """The rows of a job; the first one's answers are reused by the others."""
    for number in range(count):
        asked = {
            "without": number,
            "dedupe-none": number,
            "dedupe-half": number % (count // 2),
            "reuse-none": count + number,
            "reuse-all": number,
            "both": number if number % 2 else count + number % (count // 2),
            "again": number,
        }[kind]
        yield {"custom_id": f"row-{number}", "prompt": f"{asked} {4 * WORDS}", "number": number}


def run(kind, port, count, folder):
    """Run one job; return its manifest."""
    from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

    host = f"http://127.0.0.1:{port}"
    os.environ["AIRFLOW_CONN_GROQ_DEFAULT"] = json.dumps({"conn_type": "groq", "host": host, "password": "gsk_bench"})
    ti = TaskInstance()
    context = {"ti": ti, "task_instance": ti, "task_state_store": Store()}
    context["dag_run"] = SimpleNamespace(run_after=ti.start_date)
    operator = GroqBatchInferenceOperator(
        task_id="step",
        rows=lambda: rows_of(kind, count),
        model=MODEL,
        output_path=str(folder / f"{kind}-{count}"),
        poll_interval=1,
        delete_files=False,
        dedupe=kind in {"dedupe-none", "dedupe-half", "both"},
        reuse=str(folder / f"without-{count}") if kind in {"reuse-none", "reuse-all", "both"} else None,
    )
    return operator.execute(context)


def step(kind, port, count, folder):
    """Run a job in this process; print its seconds, those of CPU, what it added to the memory, and its counts."""
    run(kind, port, FEW, folder)
    before, began, cpu = most_mb(), time.perf_counter(), time.process_time()
    manifest = run(kind, port, count, folder)
    took = time.perf_counter() - began, time.process_time() - cpu, most_mb() - before
    assert manifest["rows"]["succeeded"] == count
    print(json.dumps([*took, manifest["reused"], manifest["duplicates"]]))


@contextlib.contextmanager
def serving():
    """The port of the server."""
    server = Path(__file__).with_name("echo_server.py")
    with subprocess.Popen(
        [sys.executable, str(server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


def measure(count, folder):
    """What each job takes."""
    measured = {}
    for kind in JOBS:
        with serving() as port:
            command = [sys.executable, __file__, "--rows", str(count), "--step", kind, str(port), str(folder)]
            environment = os.environ | {"AIRFLOW_HOME": str(folder)}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            measured[kind] = json.loads(done.stdout.splitlines()[-1])
    return measured


def report(measured, count):
    """Print the figures, and return what was missed."""
    print(
        f"{'job':<14}{'rows':>10}{'sent':>10}{'seconds':>9}{'ratio':>7}{'CPU s':>8}{'ratio':>7}{'MB added':>10}  what"
    )
    seconds_without, cpu_without = (sum(measured[kind][figure] for kind in WITHOUT) / 2 for figure in (0, 1))
    missed = []
    for kind, (seconds, cpu, added, reused, duplicates) in measured.items():
        times, of_cpu = seconds / seconds_without, cpu / cpu_without
        sent = count - reused - duplicates
        print(
            f"{kind:<14}{count:>10,}{sent:>10,}{seconds:>9.1f}{times:>7.2f}{cpu:>8.1f}{of_cpu:>7.2f}{added:>10.1f}"
            f"  {JOBS[kind]}"
        )
        missed += [f"{kind}: over {LIMIT_MB} MB"] if added > LIMIT_MB else []
        most = 1 + (TIMES - 1) * (2 if kind == "both" else 1)
        missed += [f"{kind}: over {most:g} times the time"] if times > most else []
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        kind, port, folder = options.step
        step(kind, int(port), options.rows, Path(folder))
        return 0
    with tempfile.TemporaryDirectory() as name:
        missed = report(measure(options.rows, Path(name)), options.rows)
    print(f"Limits: {LIMIT_MB} MB added, {TIMES} times for each.{' MISSED: ' if missed else ''}{', '.join(missed)}")
    return int(bool(missed) and options.rows >= ROWS)  # few rows show only that it still measures


if __name__ == "__main__":
    sys.exit(main())
