"""The package beside what each supported Airflow release came with, and at the floors of its dependencies.

``python tests/releases [CELL …] [--python VERSION …] [--suite | --short] [--tests TEST …]``

A cell is a release, such as ``3.0.6``, or a release on a Python, such as ``3.0.6-3.11``. For each it makes an
environment with uv, as of the release's time, as Airflow's constraint files have it; installs the package; runs
``inside.py`` in it; and, if asked to, tests. The environments are kept in ``.venv/releases``, with what was printed.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from cells import MATRIX, PYTHON, RELEASES, ROOT, Cell, CellError

TESTS = Path("tests")
AT_ONCE = 2
SHOWN = 20
"""Of the tests that failed."""
LINES = 60
"""Of the log of a cell that failed."""

LONG = (
    "benchmarks",
    "crash",
    "system",
    "distribution",
    "docs/test_tutorial.py",
    "emulator/test_docs.py",
    "test_demo.py",
)
"""What the suite leaves out: what these show has little to do with the release, or takes long."""

SHORT = (
    "decorators",
    "hooks/test_connection.py",
    "hooks/test_groq.py",
    "links",
    "sensors",
    "submission/test_state_store.py",
    "triggers",
    "test_demo.py::test_ends_with_a_table_of_answers_and_their_path",
    "test_example_dags.py",
    "test_imports.py",
    "test_provider_info.py",
)
"""What depends most on the release: what Airflow calls, example Dags, Airflow's commands for providers, the demo."""


class Result(NamedTuple):
    """What came of a cell.

    Attributes:
        cell: The cell.
        said: A line about it.
        passed: Whether all went well.
        tests: The tests that failed.
        log: The end of what was printed, if something failed.
    """

    cell: Cell
    said: str
    passed: bool = True
    tests: tuple[str, ...] = ()
    log: str = ""


def main() -> int:
    """Check the cells that the command line names; 0 if each is right."""
    options = parse()
    with ThreadPoolExecutor(1 if options.tests else AT_ONCE) as pool:
        results = list(pool.map(lambda cell: try_out(cell, options), options.cells))
    report(results, options.target)
    return int(not all(result.passed for result in results))


def parse() -> argparse.Namespace:
    """The command line: its cells, its tests, and the target of make that runs it."""
    parser = argparse.ArgumentParser(prog="tests/releases", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CELL", help=f"of {', '.join(RELEASES)}, or such as 3.0.6-3.11")
    parser.add_argument("--python", action="append", help="for cells that do not say it; several times if wanted")
    parser.add_argument("--suite", action="store_true", help="also run the tests, but for those that take long")
    parser.add_argument("--short", action="store_true", help="also run the tests that depend most on the release")
    parser.add_argument("--tests", nargs="+", metavar="TEST", help="with one of these: run these tests instead")
    options = parser.parse_args()
    suite = [str(TESTS), *(f"--ignore={TESTS / name}" for name in LONG)]
    if options.suite:
        options.target, tests, names = "matrix", suite, MATRIX
    elif options.short:
        options.target, tests, names = "oldest", [str(TESTS / name) for name in SHORT], MATRIX[:1]
    else:
        options.target, tests, names = "releases", [], tuple(RELEASES)
    options.tests = tests and (options.tests or tests)
    try:
        options.cells = [cell for name in options.names or names for cell in named(name, options)]
    except KeyError as error:
        parser.error(f"there is no release {error}: choose from {', '.join(RELEASES)}")
    return options


def named(name: str, options: argparse.Namespace) -> list[Cell]:
    """The cells of a name of the command line."""
    release, _, python = name.partition("-")
    supported = RELEASES[release].pythons
    alone = supported[-1] if options.short and PYTHON not in supported else PYTHON
    return [Cell(release, version) for version in ([python] if python else options.python or [alone])]


def try_out(cell: Cell, options: argparse.Namespace) -> Result:
    """Check one cell, and run tests in it."""
    if not cell.is_supported:
        return Result(cell, "this Airflow does not support this Python")
    print(f"{cell}: {cell.log.relative_to(ROOT)} tells how it goes", flush=True)
    began = time.monotonic()
    try:
        cell.make()
        if not options.short:  # whose tests show the same
            cell.check()
        said = cell.run_tests(options.tests) if options.tests else "modules, example Dag and watcher work"
    except CellError as error:
        said, *failed = error.args
        log = "\n".join(cell.log.read_text().splitlines()[-LINES:])
        result = Result(cell, said, passed=False, tests=tuple(failed), log=log)
    else:
        result = Result(cell, said)
    print(f"{cell}: {'passed' if result.passed else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    return result


def report(results: list[Result], target: str) -> None:
    """Print what failed, a table of the cells, and how to run again what failed."""
    for cell, _, _, _, log in results:
        if log:
            print(f"\n{cell}: the end of {cell.log.relative_to(ROOT)}\n{log}")
    print(f"\n{'Airflow':<9}{'Python':<8}result")
    for cell, said, passed, _, _ in results:
        print(f"{cell.release:<9}{cell.python:<8}{'' if passed else 'FAILED: '}{said}")
    for cell, _, passed, tests, _ in results:
        if not passed:
            print(f"\n{cell} failed: see {cell.log.relative_to(ROOT)}. To run it again:")
            print(f"  make {target} ARGS='{cell}'")
        if tests:
            print(f"  make {target} ARGS='{cell} --tests {' '.join(tests[:SHOWN])}'")


if __name__ == "__main__":
    sys.exit(main())
