"""What importing the operators costs a Dag's file, beside the peers where they are installed.

Each import runs in a process of its own after `import airflow.sdk`; the median of several is printed.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 7
LIMIT_MS = 20.0
MODULES = (
    "airflow_provider_groq.operators.batch",
    "airflow.providers.common.ai.operators.llm_batch",
    "airflow.providers.openai.operators.openai",
    "airflow.providers.anthropic.operators.batch",
)
CODE = """
import json, sys, time
import airflow.sdk
from airflow.sdk import DAG
before = set(sys.modules)
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
new = set(sys.modules) - before
known = {{*sys.stdlib_module_names, "airflow", "airflow_provider_groq"}}
print(json.dumps([seconds * 1000, len(new), sorted(m for m in new if m.partition(".")[0] not in known)]))
"""


def measure(module, home):
    """Milliseconds, modules and third-party modules that the import adds."""
    runs = []
    for _ in range(ROUNDS):
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(module=module)],
            env=os.environ | {"AIRFLOW_HOME": home},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return statistics.median(run[0] for run in runs), runs[-1][1], runs[-1][2]


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def main():
    ours, ms, others = 0.0, 0.0, []
    print(f"{'module':<50}{'ms':>8}{'modules':>9}  third-party modules not loaded by airflow.sdk")
    for module in MODULES:
        if not is_installed(module):
            print(f"{module:<50} (not installed)")
            continue
        with tempfile.TemporaryDirectory() as home:
            ms, modules, third = measure(module, home)
        if module == MODULES[0]:
            ours, others = ms, third
        print(f"{module:<50}{ms:>8.1f}{modules:>9}  {len(third) or 'none'}")
    missed = ours > LIMIT_MS or bool(others)
    print(f"Limit: {LIMIT_MS:.0f} ms, and no third-party module.{' MISSED' if missed else ''}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
