"""The benchmark of memory and speed still measures."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).with_name("memory.py")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")
def test_both_steps_are_measured():
    command = [sys.executable, str(BENCHMARK), "--rows", "300", "--rounds", "1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    measured = re.findall(r"^(\w+) +groq +300 +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", done.stdout, re.MULTILINE)
    assert [step for step, *_ in measured] == ["create", "download"]
    for _, moved, seconds, cpu, added in measured:
        assert float(moved) in {0.5, 0.6}
        assert float(cpu) > 0
        assert float(seconds) > 0
        assert float(added) < 60
