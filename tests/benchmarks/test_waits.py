"""The benchmark of waits still measures: at a tiny size, with those of its packages that are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

WAITS = Path(__file__).with_name("waits")


@pytest.fixture(scope="module")
def measured():
    """What it printed: the rows of its table by package, and all of it."""
    done = subprocess.run([sys.executable, str(WAITS), "--tiny"], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    title, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines() if line[:1] == "|"
    )
    return {row[0]: dict(zip(title, row, strict=True)) for row in rows}, done.stdout


@pytest.mark.parametrize("package", ["bare", "groq"])
def test_twenty_waits_are_asked_for_together(measured, package):
    rows, _ = measured
    row = rows[package]
    assert (row["waits"], row["connections"]) == ("20", "1")
    assert int(row["polls made"]) >= 20
    assert 1 <= int(row["HTTP requests"]) <= int(row["polls made"]) / 5
    assert float(row["on time"].rstrip("%")) >= 50
    assert float(row["CPU s"]) > 0
    assert float(row["MB grown"]) < 100


def test_the_figures_are_compared(measured):
    rows, text = measured
    assert "20 waits cost " in text
    assert all(len(row) == len(rows["groq"]) for row in rows.values())
