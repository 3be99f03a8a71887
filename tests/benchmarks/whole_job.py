"""What a whole job of 50,000 rows costs, in one batch: time and memory, beside common-ai's checks, upload and landing.
With more rows, which make several batches: what they cost beside 50,000.

    python tests/benchmarks/whole_job.py [--rows N] [--rounds N] [--chart]

With ``--chart``: what 50,000 rows cost both, and 200,000 and N rows this package, as a table and a chart in the
documentation.

The operator, and common-ai's adapter where it is installed, ask the same server on loopback, which costs next to
nothing. ``submit``: rows read, checked, spooled, uploaded. ``land``: the results joined with the rows and landed.
Each step has a process of its own, and is done with ten rows first; what more rows add to the largest memory by then
is printed, and the least time of the rounds. Many rows are compared with 50,000 by the median of the time in user
space: where a virtual machine is given memory only when it first writes there, files of many rows are up to eight times
as slow.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import memory
from memory import FEW, KEY, MODEL, PACKAGES, ROUNDS, ROWS, Store, TaskInstance, most_mb, prompts, serving

FASTER = {"submit": 2.0, "land": 3.0}
"""How many times as fast as common-ai the steps are to be."""

OF_MEMORY = 1 / 5
"""How much of the memory of common-ai's both steps they may take."""

LIMIT_MB, SLOWER = 60, 1.2
"""How much memory both steps may take with more rows, and how many times as long each row, in user space."""

PEERS_STEPS = {"submit": "create", "land": "download"}

MANY = 1_000_000
BETWEEN = 200_000
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "performance.md"
CHART = "whole-job.svg"


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

    began = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    batches._awaited = stop
    try:
        with contextlib.suppress(SubmittedError):
            operator.execute(context)
    finally:
        batches._awaited = awaited
    if kind == "land":
        ti.try_number += 1  # a retry goes on without reading the rows again
        began = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        assert operator.execute(context)["rows"]["succeeded"] == rows
    return began


def common_ai(kind, port, rows, folder):
    """The step of common-ai that it is measured beside."""
    began = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    memory.common_ai(PEERS_STEPS[kind], port, rows, folder)
    return began


def step(package, kind, ports, rows, folder):
    """Do one step in this process.

    Prints its seconds, those of CPU, what it added to the memory, and the seconds of CPU in user space.
    """
    do = {"groq": groq, "common_ai": common_ai}[package]
    do(kind, ports[FEW], FEW, folder)
    before = most_mb()
    began, used = do(kind, ports[rows], rows, folder)
    seconds, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    user, system = now.ru_utime - used.ru_utime, now.ru_stime - used.ru_stime
    print(json.dumps([seconds, user + system, most_mb() - before, user]))


@contextlib.contextmanager
def serving_all(numbers, folder):
    """The ports of servers of so many results each."""
    with contextlib.ExitStack() as servers:
        ports = {}
        for number in numbers:
            results = folder / f"results-{number}"
            for first in range(0, number, ROWS):
                part = results.with_name(f"{results.name}.{first // ROWS}") if first else results
                memory.write_results(part, min(number - first, ROWS), first)
            ports[number] = servers.enter_context(serving(results, number))
        yield ports


def measure(rows, rounds, folder):
    """For each step and package, the least seconds, those of CPU, MB added, and seconds in user space."""
    with serving_all((FEW, rows), folder) as ports:
        return memory.least(
            rounds, FASTER, lambda *measured: memory.run_step(*measured, ports, rows, folder, script=__file__)
        )


def measure_many(numbers, rounds, folder):
    """The same of this package, for each of several numbers of rows; here the medians.

    The least of a few short runs is luckier than that of as many long ones.
    """
    with serving_all((FEW, *numbers), folder) as ports:
        measured = {}
        for number in numbers:
            for kind in FASTER:
                done = [memory.run_step("groq", kind, ports, number, folder, script=__file__) for _ in range(rounds)]
                measured[kind, number] = [statistics.median(column) for column in zip(*done, strict=True)]
        return measured


def report(measured, rows):
    """Print the figures, and return what was missed."""
    print(f"{'step':<10}{'package':<12}{'rows':>8}{'seconds':>9}{'CPU s':>8}{'MB added':>10}")
    for (kind, package), (seconds, cpu, added, _) in measured.items():
        print(f"{kind:<10}{package:<12}{rows:>8,}{seconds:>9.2f}{cpu:>8.2f}{added:>10.1f}")
    return memory.compared(measured, FASTER, OF_MEMORY)


def report_many(measured, rows):
    """Print the figures of many rows beside those of 50,000, and return what was missed."""
    print(f"{'step':<10}{'rows':>10}{'seconds':>9}{'CPU s':>8}{'user s':>8}{'us a row':>10}{'MB added':>10}")
    for (kind, number), (seconds, cpu, added, user) in measured.items():
        each = user / number * 1e6
        print(f"{kind:<10}{number:>10,}{seconds:>9.2f}{cpu:>8.2f}{user:>8.2f}{each:>10.1f}{added:>10.1f}")
    missed = [f"{kind}: over {LIMIT_MB} MB" for kind in FASTER if measured[kind, rows][2] > LIMIT_MB]
    for kind in FASTER:
        few, many = (measured[kind, number][3] / number for number in (ROWS, rows))
        print(f"{kind}: each row takes {many / few:.2f} times as long (wanted: at most {SLOWER}).")
        missed += [f"{kind}: time"] if many > few * SLOWER else []
    return missed


def write(beside, many):
    """Write the table and the chart into the documentation.

    Args:
        beside: What `measure` gives, of 50,000 rows.
        many: What `measure_many` gives.
    """
    rows = ["| step | rows | package | seconds | CPU s | user µs a row | MB added |", "|---|---|---|---|---|---|---|"]
    figures = {(kind, ROWS, package): figures for (kind, package), figures in beside.items()}
    figures |= {(kind, number, "groq"): figures for (kind, number), figures in many.items() if number > ROWS}
    for (kind, number, package), (seconds, cpu, added, user) in sorted(figures.items(), key=lambda item: item[0][:2]):
        each = user / number * 1e6
        rows.append(
            f"| {kind} | {number:,} | `{package}` | {seconds:.2f} | {cpu:.2f} | {each:.1f} | {max(0.0, added):.0f} |"
        )
    table = "\n".join(rows)
    head, _, rest = PAGE.read_text().partition("<!-- job -->")
    _, _, tail = rest.partition("<!-- end of job -->")
    picture = f"![Memory added and time for each row, over the number of rows]({CHART})"
    PAGE.write_text(f"{head}<!-- job -->\n{table}\n\n{picture}\n<!-- end of job -->{tail}")
    chart(figures, PAGE.with_name(CHART))


def chart(figures, path):
    """Memory and time for each row over the number of rows."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "the same each time"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for kind in FASTER:
        for package in PACKAGES:
            points = sorted((n, f) for (of, n, by), f in figures.items() if (of, by) == (kind, package))
            numbers = [number for number, _ in points]
            label, marker = f"{package}: {kind}", "o" if package == "groq" else "s"
            axes[0].plot(numbers, [max(0.1, added) for _, (_, _, added, _) in points], marker=marker, label=label)
            axes[1].plot(numbers, [user / n * 1e6 for n, (_, _, _, user) in points], marker=marker, label=label)
    for axis, title in zip(axes, ("MB of memory added", "µs of CPU in user space for each row"), strict=True):
        axis.set(xscale="log", xlabel="rows", title=title)
        axis.grid(visible=True, alpha=0.3)
        axis.legend()
    axes[0].set(yscale="log")
    axes[1].set(ylim=(0, None))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--chart", action="store_true")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = options.rows or (MANY if options.chart else ROWS)
    if options.step:
        package, kind, ports, folder = options.step
        ports = {int(number): port for number, port in json.loads(ports).items()}
        step(package, kind, ports, rows, Path(folder))
        return 0
    missed = []
    with tempfile.TemporaryDirectory() as name:
        if options.chart or rows <= ROWS:
            beside = measure(min(rows, ROWS), options.rounds, Path(name))
            missed += report(beside, min(rows, ROWS))
        if rows > ROWS:
            between = [BETWEEN] if options.chart else []
            many = measure_many([ROWS, *between, rows], options.rounds, Path(name))
            missed += report_many(many, rows)
    if options.chart:
        write(beside, many)
    print(f"{'MISSED: ' if missed else ''}{', '.join(missed)}")
    return int(bool(missed) and rows >= ROWS)  # few rows show only that it still measures


if __name__ == "__main__":
    sys.exit(main())
