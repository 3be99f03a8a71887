"""`make matrix`: what it prints, and how it ends."""

import os
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from releases import cells

COMMAND = Path(__file__).parent


def run(*arguments):
    return subprocess.run([sys.executable, COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_a_release_that_is_none_is_an_error():
    done = run("3.0.6", "2.11.2-3.11")
    assert done.returncode == 2
    assert "there is no release '2.11.2': choose from 3.0.6, 3.1.8" in done.stderr


def test_a_python_that_the_release_does_not_support_is_in_the_table():
    done = run("3.0.6", "--python", "3.13", "--suite")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[1:] == [
        "Airflow  Python  result",
        "3.0.6    3.13    this Airflow does not support this Python",
        "",
    ]


def test_what_failed_is_told_with_the_command_that_runs_it_again(capsys):
    command = runpy.run_path(str(COMMAND))
    result, cell = command["Result"], command["Cell"]
    failed = ("tests/test_assets.py::test_batches", "tests/links/test_batch.py")
    results = [
        result(cell("3.0.6", "3.11"), "10 passed in 3.21s"),
        result(cell("3.1.8", "3.12"), "2 failed, 8 passed in 3.21s", passed=False, tests=failed, log="FAILED"),
    ]
    command["report"](results, "matrix")
    assert capsys.readouterr().out == (
        "\n3.1.8-3.12: the end of .venv/releases/3.1.8-3.12.log"
        "\nFAILED"
        "\n"
        "\nAirflow  Python  result"
        "\n3.0.6    3.11    10 passed in 3.21s"
        "\n3.1.8    3.12    FAILED: 2 failed, 8 passed in 3.21s"
        "\n"
        "\n3.1.8-3.12 failed: see .venv/releases/3.1.8-3.12.log. To run it again:"
        "\n  make matrix ARGS='3.1.8-3.12'"
        "\n  make matrix ARGS='3.1.8-3.12 --tests tests/test_assets.py::test_batches tests/links/test_batch.py'"
        "\n"
    )


TESTS = """
import pytest

@pytest.mark.parametrize("word", ["a b", "c"])
def test_fails(word):
    assert word == "c"

def test_passes():
    pass

def test_cannot_begin(missing):
    pass
"""


def test_pytests_own_words_are_understood(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_some.py").write_text(TESTS)
    options = ("-q", "-ra", "-p", "no:cacheprovider", "-p", "no:randomly")
    command = (sys.executable, "-m", "pytest", *options, "tests")
    ours = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    said = subprocess.run(command, cwd=tmp_path, env=ours, capture_output=True, text=True, check=False).stdout
    assert cells.counts(said).startswith("1 failed, 2 passed, 1 error in ")
    assert sorted(cells.bad(said)) == ["tests/test_some.py::test_cannot_begin", "tests/test_some.py::test_fails"]
    assert (cells.counts("no tests ran in 0.01s"), cells.bad("")) == ("", [])


@pytest.mark.skipif(not find_spec("uv"), reason="needs uv, which a cell has not")
def test_a_python_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(cells, "FOLDER", tmp_path)
    monkeypatch.setitem(cells.RELEASES, "4.0", cells.Release("2026-10-01", (), ("3.99",)))
    cell = cells.Cell("4.0", "3.99")
    with pytest.raises(cells.CellError, match=r"there is no Python 3.99: put a python3.99 on the PATH"):
        cell.make()
    assert "No interpreter found for Python 3.99" in cell.log.read_text()
