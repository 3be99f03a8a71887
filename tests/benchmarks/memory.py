"""What 50,000 requests cost, checked and uploaded, and their answers, landed: time and memory.

    python tests/benchmarks/memory.py [--rows N] [--rounds N]

The operators, and common-ai's adapter where it is installed, ask the same server on loopback, which costs next
to nothing. Each step has a process of its own, and is done with ten rows first; what more rows add to the
largest memory by then is printed, and the least time of the rounds.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

ROWS, FEW, ROUNDS = 50_000, 10, 3
WORDS = "How does the customer feel about this product, which came late and was broken? "
PROMPT_CHARS, ANSWER_CHARS = 1_500, 1_150
LIMIT_MB = 60
FASTER = {"create": 2.5, "download": 4.0}
"""How many times as fast as common-ai the steps are to be."""

OF_MEMORY = 1 / 5
"""How much of the memory of common-ai's both steps they may take."""

MODEL = "openai/gpt-oss-20b"
KEY = "0123456789abcdef"
PACKAGES = {"groq": "airflow_provider_groq", "common_ai": "openai"}
"""What must be installed for each: common-ai is, for the tests, but not the client of the adapter that is measured."""


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def prompts(rows):
    return (f"{number} {WORDS * (PROMPT_CHARS // len(WORDS))}" for number in range(rows))


def write_requests(path, rows):
    with path.open("w") as file:
        for number, prompt in enumerate(prompts(rows)):
            body = {
                "model": MODEL,
                "messages": [{"role": "user", "content": prompt}],
                "max_completion_tokens": 1024,
            }
            line = {"custom_id": f"{KEY}-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line) + "\n")


def write_results(path, rows, first=0):
    message = {"role": "assistant", "content": WORDS * (ANSWER_CHARS // len(WORDS)), "reasoning": WORDS * 2}
    usage = {
        "queue_time": 0.037,
        "prompt_tokens": 330,
        "prompt_time": 0.011,
        "completion_tokens": 280,
        "completion_time": 0.281,
        "total_tokens": 610,
        "total_time": 0.292,
        "completion_tokens_details": {"reasoning_tokens": 40},
    }
    with path.open("w") as file:
        for number in range(first, first + rows):
            body = {
                "id": f"chatcmpl-{number:032}",
                "object": "chat.completion",
                "created": 1_790_000_000,
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
                "usage": usage,
                "usage_breakdown": None,
                "system_fingerprint": "fp_44136fa355",
                "x_groq": {"id": f"req_{number:026}", "seed": 1},
                "service_tier": "batch",
            }
            response = {"status_code": 200, "request_id": f"req_{number:026}", "body": body}
            line = {"id": f"batch_req_out_{number:026}", "custom_id": f"{KEY}-{number}", "response": response}
            file.write(json.dumps(line | {"error": None}) + "\n")


class TaskInstance:
    dag_id, task_id, run_id, map_index = "dag", "step", "run", -1
    try_number, max_tries, start_date = 1, 0, datetime.now(UTC)

    def xcom_push(self, key, value):
        pass


class Store(dict):
    """Airflow's task state store."""

    set = dict.__setitem__


def groq(kind, port, rows, folder):
    from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

    host = f"http://127.0.0.1:{port}"
    os.environ["AIRFLOW_CONN_GROQ_DEFAULT"] = json.dumps({"conn_type": "groq", "host": host, "password": "gsk_bench"})
    ti = TaskInstance()
    context = {"ti": ti, "task_instance": ti, "task_state_store": Store()}
    context["dag_run"] = SimpleNamespace(run_after=ti.start_date)
    if kind == "create":
        source = folder / f"{rows}.jsonl"
        GroqCreateBatchOperator(task_id="step", input_path=str(source), wait_for_completion=False).execute(context)
        return
    operator = GroqDownloadBatchResultsOperator(task_id="step", batch_id=f"batch_{rows}", output_path=str(folder))
    assert operator.execute(context)["requests"]["succeeded"]


def common_ai(kind, port, rows, folder):
    from airflow.providers.common.ai.batch.openai import OpenAIBatchAdapter
    from airflow.providers.common.ai.batch.output_schema import build_output_spec
    from airflow.providers.common.ai.batch.results import stream_results_to_jsonl
    from airflow.sdk import ObjectStoragePath

    spec = build_output_spec(str)
    adapter = OpenAIBatchAdapter(api_key="gsk_bench", base_url=f"http://127.0.0.1:{port}/openai/v1")
    with contextlib.closing(adapter):
        if kind == "create":
            requests = [{"prompt": prompt} for prompt in prompts(rows)]
            asked = {"model": MODEL, "output_spec": spec, "idempotency_key": KEY}
            adapter.validate_requests(requests, **asked)
            adapter.submit(requests, input_fingerprint=KEY, **asked)
            return
        counts, _ = stream_results_to_jsonl(
            adapter=adapter,
            batch_id=f"batch_{rows}",
            output_spec=spec,
            request_count=rows,
            custom_id_prefix=KEY,
            destination=ObjectStoragePath(str(folder / "rows.jsonl")),
        )
        assert counts["success"]


def most_mb():
    """The largest memory that this process has had."""
    return next(int(line.split()[1]) / 1000 for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))


def step(package, kind, ports, rows, folder):
    """Do one step in this process, and print its seconds, those of CPU, and what it added to the memory."""
    do = {"groq": groq, "common_ai": common_ai}[package]
    do(kind, ports[FEW], FEW, folder)
    before, start, cpu = most_mb(), time.perf_counter(), time.process_time()
    do(kind, ports[rows], rows, folder)
    print(json.dumps([time.perf_counter() - start, time.process_time() - cpu, most_mb() - before]))


def run_step(package, kind, ports, rows, folder, *, script=__file__):
    command = [sys.executable, script, "--step", package, kind, json.dumps(ports), str(folder), "--rows", str(rows)]
    environment = os.environ | {"AIRFLOW_HOME": str(folder)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def serving(results, rows=0):
    """The port of a server of these results; a batch that is created there has so many rows."""
    server = Path(__file__).with_name("rows_server.py")
    with subprocess.Popen(
        [sys.executable, str(server), str(results), str(rows)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


def measure(rows, rounds, folder):
    """For each step and package, the least seconds, those of CPU, and MB added."""
    with contextlib.ExitStack() as servers:
        ports = {}
        for number in (FEW, rows):
            write_requests(folder / f"{number}.jsonl", number)
            write_results(folder / f"results-{number}", number)
            ports[number] = servers.enter_context(serving(folder / f"results-{number}"))
        return least(rounds, FASTER, lambda package, kind: run_step(package, kind, ports, rows, folder))


def least(rounds, kinds, run):
    """The least figures of each step and package that is installed, over some rounds."""
    measured = {}
    for _ in range(rounds):
        for kind in kinds:
            for package, module in PACKAGES.items():
                if is_installed(module):
                    measured.setdefault((kind, package), []).append(run(package, kind))
    return {key: [min(column) for column in zip(*done, strict=True)] for key, done in measured.items()}


def report(measured, rows, folder):
    """Print the figures, and return what was missed."""
    sizes = {"create": folder / f"{rows}.jsonl", "download": folder / f"results-{rows}"}
    print(f"{'step':<10}{'package':<12}{'rows':>8}{'MB moved':>10}{'seconds':>9}{'CPU s':>8}{'MB added':>10}")
    for (kind, package), (seconds, cpu, added) in measured.items():
        moved = sizes[kind].stat().st_size / 1e6
        print(f"{kind:<10}{package:<12}{rows:>8,}{moved:>10.1f}{seconds:>9.2f}{cpu:>8.2f}{added:>10.1f}")
    missed = [f"{kind}: over {LIMIT_MB} MB" for kind in FASTER if measured[kind, "groq"][2] > LIMIT_MB]
    return missed + compared(measured, FASTER, OF_MEMORY)


def compared(measured, faster, of_memory):
    """Print how the steps compare with common-ai's, where it is installed, and return what was missed."""
    if not is_installed(PACKAGES["common_ai"]):
        print("common_ai is not installed: install the dependency group bench.")
        return []
    missed = []
    for kind, wanted in faster.items():
        times = measured[kind, "common_ai"][0] / measured[kind, "groq"][0]
        print(f"{kind}: {times:.1f} times as fast as common_ai (wanted: {wanted}).")
        missed += [f"{kind}: time"] if times < wanted else []
    ours, theirs = (sum(measured[kind, package][2] for kind in faster) for package in PACKAGES)
    print(f"Memory of both steps: {ours / theirs:.2f} of that of common_ai (wanted: {of_memory}).")
    return missed + (["memory"] if ours > theirs * of_memory else [])


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
        missed = report(measure(options.rows, options.rounds, Path(name)), options.rows, Path(name))
    print(f"Limit: {LIMIT_MB} MB added.{' MISSED: ' if missed else ''}{', '.join(missed)}")
    return int(bool(missed) and options.rows >= ROWS)  # few rows show only that it still measures


if __name__ == "__main__":
    sys.exit(main())
