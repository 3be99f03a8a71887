"""The benchmark of dedupe and reuse still measures."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).with_name("never_twice.py")

SENT = {
    "without": 400,
    "dedupe-none": 400,
    "dedupe-half": 200,
    "reuse-none": 400,
    "reuse-all": 0,
    "both": 100,
    "again": 400,
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")
def test_all_jobs_are_measured():
    command = [sys.executable, str(BENCHMARK), "--rows", "400"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    measured = re.findall(
        r"^([\w-]+) +400 +(\d+) +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+) ", done.stdout, re.MULTILINE
    )
    assert {kind: int(sent) for kind, sent, *_ in measured} == SENT
    for *_, added in measured:  # the times of so few rows may be rounded to nothing
        assert float(added) < 60
