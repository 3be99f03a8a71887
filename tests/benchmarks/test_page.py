"""The benchmark of the page still measures."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflows import VERSION

pytestmark = [pytest.mark.system, pytest.mark.skipif(VERSION < (3, 1), reason="Airflow 3.0 has no such pages")]


def test_a_page_of_thirty_batches_is_measured():
    """Whether its limit is kept says nothing of the first request of all, so its exit code does not count."""
    command = [sys.executable, str(Path(__file__).with_name("page.py")), "30", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    pattern = r"^30 batches: \d+\.\d\d s, of which Groq's answer \d+\.\d\d s\.$"
    assert re.search(pattern, done.stdout, re.MULTILINE), done.stdout + done.stderr
