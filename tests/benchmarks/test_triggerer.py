"""The benchmark of Airflow's triggerer still measures: with five waits, watched for a second."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system


def test_five_waits_are_measured_and_survive_the_triggerer():
    """Whether its limits are kept says nothing at this size, so its exit code does not count."""
    script = Path(__file__).with_name("triggerer.py")
    done = subprocess.run(
        [sys.executable, str(script), "5", "--ramp", "0", "--watched", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Limit above idle" in done.stdout, done.stdout + done.stderr
    figures = {
        name: [float(figure) for figure in found]
        for name, *found in re.findall(r"^(idle|waiting for batches) +([\d.]+) +([\d.]+)$", done.stdout, re.MULTILINE)
    }
    for cpu, memory in (figures["idle"], figures["waiting for batches"]):
        assert cpu >= 0
        assert memory > 50
    assert "each with its own event, none twice: True; cancelled: 0." in done.stdout
