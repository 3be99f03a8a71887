"""The benchmark of importing still measures."""

import re
import subprocess
import sys
from pathlib import Path


def test_importing_the_operators_is_measured():
    command = [sys.executable, str(Path(__file__).with_name("imports.py")), "--rounds", "1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    (found,) = re.findall(r"^airflow_provider_groq.operators.batch +([\d.]+) +(\d+)  (\w+)$", done.stdout, re.MULTILINE)
    milliseconds, modules, third_party = found
    assert float(milliseconds) > 0
    assert 0 < int(modules) < 25
    assert third_party == "none"
