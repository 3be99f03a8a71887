"""What importing the operators costs a Dag's file, beside the peers where they are installed.

    python tests/benchmarks/imports.py [--rounds N]

Each import has a process of its own, after `import airflow.sdk`; of the rounds, in which the packages take turns,
the least time is printed. Before them, all is compiled once, as an installation does it. Wanted: less than common-ai's
operator, and no third-party module.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

ROUNDS = 7
OURS, RIVAL = "airflow_provider_groq.operators.batch", "airflow.providers.common.ai.operators.llm_batch"
MODULES = (
    OURS,
    RIVAL,
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
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module)],
        env=os.environ | {"AIRFLOW_HOME": home, "PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    installed = [module for module in MODULES if is_installed(module)]
    with tempfile.TemporaryDirectory() as home:
        for module in installed:
            measure(module, home)
        rounds = [{module: measure(module, home) for module in installed} for _ in range(options.rounds)]
    print(f"{'module':<50}{'ms':>8}{'modules':>9}  third-party modules not loaded by airflow.sdk")
    least = {}
    for module in MODULES:
        if module not in installed:
            print(f"{module:<50} (not installed)")
            continue
        least[module] = min(measured[module][0] for measured in rounds)
        _, modules, third = rounds[-1][module]
        print(f"{module:<50}{least[module]:>8.1f}{modules:>9}  {len(third) or 'none'}")
    missed = bool(rounds[-1][OURS][2]) or least[OURS] > least.get(RIVAL, float("inf"))
    print(f"Limit: the time of {RIVAL}, and no third-party module.{' MISSED' if missed else ''}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
