"""The benchmark of metrics still measures: 400 waits, watched for ten seconds with and without them."""

import re
import subprocess
import sys
from pathlib import Path


def test_metrics_cost_little_of_what_waits_cost():
    """Their share counts at this size too. What a poll costs with and without them is too little to compare."""
    script = Path(__file__).with_name("metrics.py")
    done = subprocess.run([sys.executable, str(script), "--tiny"], capture_output=True, text=True, check=False)
    found = re.search(r"^Metrics: ([\d.]+)% of the CPU, (\d+) packets", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    assert 0 < float(found[1]) <= 2
    assert int(found[2]) >= 3
