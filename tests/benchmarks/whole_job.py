"""What a whole job of 50,000 rows costs, in one batch: time and memory, beside common-ai's checks, upload and landing.
With more rows, which make several batches: what they cost beside 50,000.

    python tests/benchmarks/whole_job.py [--rows N] [--rounds N]

The operator, and common-ai's adapter where it is installed, ask the same server on loopback, which costs next to
nothing. ``submit``: rows read, checked, spooled, uploaded. ``land``: the results joined with the rows and landed.
Each step has a process of its own, and is done with ten rows first; what more rows add to the largest memory by then
is printed, and the least time of the rounds.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import memory
from memory import FEW, KEY, MODEL, ROUNDS, ROWS, Store, TaskInstance, most_mb, prompts, serving

FASTER = {"submit": 2.0, "land": 3.0}
"""How many times as fast as common-ai the steps are to be."""

OF_MEMORY = 1 / 5
"""How much of the memory of common-ai's both steps they may take."""

LIMIT_MB, SLOWER = 60, 1.2
"""How much memory both steps may take with more rows, and how many times as long each row."""

PEERS_STEPS = {"submit": "create", "land": "download"}


class SubmittedError(Exception):
    """All has been sent."""


def groq(kind, port, rows, folder):
    """Do one step of a job; return when it began, since to land there must be something sent."""
    from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
    from airflow_provider_groq.operators.job import batches

    host = f"http://127.0.0.1:{port}"
    os.environ["AIRFLOW_CONN_GROQ_DEFAULT"] = json.dumps({"conn_type": "groq", "host": host, "password": "gsk_bench"})
    ti = TaskInstance()
    context = {"ti": ti, "task_instance": ti, "task_state_store": Store()}
    context["dag_run"] = SimpleNamespace(run_after=ti.start_date)
    operator = GroqBatchInferenceOperator(
        task_id="step",
        rows=lambda: ({"custom_id": f"{KEY}-{n}", "prompt": prompt} for n, prompt in enumerate(prompts(rows))),
        model=MODEL,
        request_params={"max_completion_tokens": 1024},
        output_path=str(folder / f"answers-{rows}-{kind}-{os.getpid()}"),
        shard_size=ROWS,
        delete_files=False,
    )
    awaited = batches._awaited

    def stop(*_):
        raise SubmittedError

    began = time.perf_counter(), time.process_time()
    batches._awaited = stop
    try:
        with contextlib.suppress(SubmittedError):
            operator.execute(context)
    finally:
        batches._awaited = awaited
    if kind == "land":
        ti.try_number += 1  # a retry goes on without reading the rows again
        began = time.perf_counter(), time.process_time()
        assert operator.execute(context)["rows"]["succeeded"] == rows
    return began


def common_ai(kind, port, rows, folder):
    """The step of common-ai that it is measured beside."""
    began = time.perf_counter(), time.process_time()
    memory.common_ai(PEERS_STEPS[kind], port, rows, folder)
    return began


def step(package, kind, ports, rows, folder):
    """Do one step in this process, and print its seconds, those of CPU, and what it added to the memory."""
    do = {"groq": groq, "common_ai": common_ai}[package]
    do(kind, ports[FEW], FEW, folder)
    before = most_mb()
    began, cpu = do(kind, ports[rows], rows, folder)
    print(json.dumps([time.perf_counter() - began, time.process_time() - cpu, most_mb() - before]))


def measure(rows, rounds, folder):
    """For each step and package, the least seconds, those of CPU, and MB added."""
    with contextlib.ExitStack() as servers:
        ports = {}
        for number in {FEW, min(rows, ROWS), rows}:
            results = folder / f"results-{number}"
            for first in range(0, number, ROWS):
                part = results.with_name(f"{results.name}.{first // ROWS}") if first else results
                memory.write_results(part, min(number - first, ROWS), first)
            ports[number] = servers.enter_context(serving(results, number))
        run = partial(memory.run_step, script=__file__)
        if rows > ROWS:
            packages = [("groq", kind, number) for number in (ROWS, rows) for kind in FASTER]
            return {key: run(*key[:2], ports, key[2], folder) for key in packages}
        return memory.least(rounds, FASTER, lambda package, kind: run(package, kind, ports, rows, folder))


def report(measured, rows):
    """Print the figures, and return what was missed."""
    print(f"{'step':<10}{'package':<12}{'rows':>8}{'seconds':>9}{'CPU s':>8}{'MB added':>10}")
    for (kind, package), (seconds, cpu, added) in measured.items():
        print(f"{kind:<10}{package:<12}{rows:>8,}{seconds:>9.2f}{cpu:>8.2f}{added:>10.1f}")
    return memory.compared(measured, FASTER, OF_MEMORY)


def report_many(measured, rows):
    """Print the figures of many rows beside those of 50,000, and return what was missed."""
    print(f"{'step':<10}{'rows':>10}{'seconds':>9}{'CPU s':>8}{'us a row':>10}{'MB added':>10}")
    for (_, kind, number), (seconds, cpu, added) in measured.items():
        print(f"{kind:<10}{number:>10,}{seconds:>9.2f}{cpu:>8.2f}{seconds / number * 1e6:>10.1f}{added:>10.1f}")
    missed = [f"{kind}: over {LIMIT_MB} MB" for kind in FASTER if measured["groq", kind, rows][2] > LIMIT_MB]
    for kind in FASTER:
        few, many = (measured["groq", kind, number][0] / number for number in (ROWS, rows))
        print(f"{kind}: each row takes {many / few:.2f} times as long (wanted: at most {SLOWER}).")
        missed += [f"{kind}: time"] if many > few * SLOWER else []
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        package, kind, ports, folder = options.step
        ports = {int(number): port for number, port in json.loads(ports).items()}
        step(package, kind, ports, options.rows, Path(folder))
        return 0
    with tempfile.TemporaryDirectory() as name:
        measured = measure(options.rows, options.rounds, Path(name))
        missed = (report_many if options.rows > ROWS else report)(measured, options.rows)
    print(f"{'MISSED: ' if missed else ''}{', '.join(missed)}")
    return int(bool(missed) and options.rows >= ROWS)  # few rows show only that it still measures


if __name__ == "__main__":
    sys.exit(main())
