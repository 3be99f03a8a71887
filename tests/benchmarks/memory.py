"""How much memory 50,000 requests cost: uploaded by the create operator, landed by the download operator.

Prints the peak of each step above what an operator of ten requests takes, in a process of its own.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_groq.emulator import GroqEmulator

ROWS = 50_000
PROMPT_BYTES = 1_700
LIMIT_MB = 60


class TaskInstance:
    def xcom_push(self, key, value):
        pass


def write_requests(path, rows):
    with path.open("w") as file:
        for number in range(rows):
            body = {
                "model": "openai/gpt-oss-20b",
                "messages": [{"role": "user", "content": f"{number} ".ljust(PROMPT_BYTES, "x")}],
            }
            line = {"custom_id": f"row-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line) + "\n")


def step(kind, *arguments):
    """Run one step in this process, and print its result, its peak of memory and its time."""
    from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

    start = time.perf_counter()
    if kind == "create":
        operator = GroqCreateBatchOperator(task_id="step", input_path=arguments[0], wait_for_completion=False)
    else:
        operator = GroqDownloadBatchResultsOperator(task_id="step", batch_id=arguments[0], output_path=arguments[1])
    result = operator.execute({"ti": TaskInstance()})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"result": result, "peak_mb": peak, "seconds": time.perf_counter() - start}))


def run_step(emulator, home, *arguments):
    environment = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW_CONN_GROQ_DEFAULT": emulator.connection_json}
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder, rows):
    source = folder / f"{rows}.jsonl"
    write_requests(source, rows)
    with GroqEmulator(seconds=1) as emulator:
        emulator.set(answer_chars=1_500)
        created = run_step(emulator, folder / "home", "create", source)
        emulator.advance(1000)
        landed = run_step(emulator, folder / "home", "download", created["result"], folder / f"out-{rows}")
    size = landed["result"]["output"]["bytes"]
    assert landed["result"]["requests"]["succeeded"] == rows
    return created, landed, source.stat().st_size, size


def main():
    with tempfile.TemporaryDirectory() as name:
        few = measure(Path(name), 10)
        many = measure(Path(name), ROWS)
    print(f"{'step':<10}{'rows':>8}{'MB moved':>10}{'seconds':>9}{'peak MB':>9}{'added MB':>10}")
    over = False
    for index, kind in enumerate(("create", "download")):
        added = many[index]["peak_mb"] - few[index]["peak_mb"]
        over |= added > LIMIT_MB
        print(
            f"{kind:<10}{ROWS:>8}{many[index + 2] / 1e6:>10.1f}{many[index]['seconds']:>9.1f}"
            f"{many[index]['peak_mb']:>9.0f}{added:>10.1f}"
        )
    print(f"Limit: {LIMIT_MB} MB added.{' MISSED' if over else ''}")
    return int(over)


if __name__ == "__main__":
    sys.exit(step(*sys.argv[1:]) if sys.argv[1:] else main())
