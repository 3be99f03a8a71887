"""The package beside what each supported Airflow release came with, and at the floors of its dependencies.

``python tests/releases [NAME …] [--python VERSION …] [--suite] [--tests TEST …]``

For each release it makes an environment with uv, as of the release's time, as Airflow's constraint files have it;
installs the package; and runs ``inside.py`` in it. ``--suite`` also runs the tests, but for those that take long, or
those that ``--tests`` names. ``--python`` does all of it on each of these versions that the release supports; a program
for each must be on the path.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).with_name("inside.py")
AT_ONCE = 2
SECONDS = 600
SUITE_SECONDS = 3_600

LONG = ("benchmarks", "crash", "system", "docs/test_tutorial.py", "emulator/test_docs.py", "test_demo.py")
"""Tests that are left out: what they show has little to do with the release, or takes long."""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UV = (sys.executable, "-m", "uv")


class Environment(NamedTuple):
    """What is installed.

    Attributes:
        time: No package that came later is installed.
        arguments: What uv is told besides.
        pythons: The versions of Python that the release supports.
        floors: Whether the dependencies must be those of the floors.
    """

    time: str
    arguments: tuple[str, ...]
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")
    floors: bool = False


ENVIRONMENTS = {
    # Its constraint file has this universal-pathlib; with later ones Airflow warns of itself.
    "3.0.6": Environment("2025-10-25", ("apache-airflow==3.0.6", "universal-pathlib<0.3"), ("3.11", "3.12")),
    "3.1.8": Environment("2026-03-15", ("apache-airflow==3.1.8",)),
    "3.2.2": Environment("2026-06-10", ("apache-airflow==3.2.2",)),
    "3.3.0": Environment("2026-07-20", ("apache-airflow==3.3.0",)),
    "3.3.2": Environment("2026-10-01", ("apache-airflow==3.3.2",)),
    "floors": Environment("2025-10-25", ("--resolution", "lowest-direct"), floors=True),
}


class CellError(Exception):
    """A command failed; the text is what it printed."""


class Cell:
    """A release on a version of Python, in an environment of its own.

    Args:
        name: The release.
        python: The version of Python.
        folder: Where the environment is made.
    """

    def __init__(self, name: str, python: str, folder: Path) -> None:
        self._environment = ENVIRONMENTS[name]
        self._version = python
        self._folder = folder / f"{name}-{python}"
        self._python = str(self._folder / "bin" / "python")

    def check(self) -> None:
        """Import every module, and run an example Dag.

        Raises:
            CellError: Something went wrong.
        """
        time = ("--exclude-newer", self._environment.time)
        self._run(*UV, "venv", "--quiet", "--no-python-downloads", "--python", self._version, str(self._folder))
        self._install("-r", str(ROOT / "pyproject.toml"), *time, *self._environment.arguments)
        self._install("--no-deps", str(ROOT))
        self._run(self._python, str(INSIDE), *(floors() if self._environment.floors else ()))

    def run_tests(self, tests: list[str]) -> str:
        """Run the tests, and return pytest's last line.

        Raises:
            CellError: Some failed.
        """
        frozen = self._folder / "frozen.txt"
        frozen.write_text(self._run(*UV, "pip", "freeze", "--quiet", "--exclude-editable", "--python", self._python))
        tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["unit"]
        self._install("-c", str(frozen), *tools)
        chosen = tests or ["tests", *(f"--ignore=tests/{name}" for name in LONG)]
        options = ("-q", "-n", "2", "-p", "no:cacheprovider", "--rootdir", str(ROOT))
        return self._run(self._python, "-m", "pytest", *options, *chosen, cwd=ROOT).strip().splitlines()[-1]

    def _install(self, *what: str) -> None:
        self._run(*UV, "pip", "install", "--quiet", "--python", self._python, *what)

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH" and "AIRFLOW_" not in key}
        variables["AIRFLOW_HOME"] = f"{self._folder}-home"
        done = subprocess.run(
            command,
            cwd=cwd or self._folder.parent,
            env=variables,
            capture_output=True,
            text=True,
            timeout=SECONDS if cwd is None else SUITE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise CellError(f"{' '.join(command)}\n{done.stdout[-12_000:]}\n{done.stderr[-4_000:]}")
        return done.stdout


def floors() -> list[str]:
    """The dependencies of ``pyproject.toml``, each at its floor."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [dependency.replace(">=", "==") for dependency in project["dependencies"]]


def try_out(name: str, python: str, options: argparse.Namespace, folder: Path) -> bool:
    """Check one cell and print what came of it; whether all went well."""
    cell = Cell(name, python, folder)
    try:
        cell.check()
        found = "every module imports, an example Dag ran, and a watcher told of a batch"
        if options.suite:
            found += f"; tests: {cell.run_tests(options.tests)}"
    except CellError as error:
        print(f"{name} on Python {python}: {error}", flush=True)
        return False
    print(f"{name} on Python {python}: {found}", flush=True)
    return True


def main() -> int:
    """Check what is named on the command line, or all; 0 if each is right."""
    parser = argparse.ArgumentParser(prog="tests/releases", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ENVIRONMENTS)}; all by default")
    parser.add_argument("--suite", action="store_true", help="also run the tests")
    parser.add_argument(
        "--python", action="append", help=f"a version of Python, several times if wanted; else {PYTHON}"
    )
    parser.add_argument("--tests", nargs="+", default=[], help="which of them; by default all but those that take long")
    options = parser.parse_args()
    cells = [
        (name, python)
        for name in options.names or ENVIRONMENTS
        for python in options.python or [PYTHON]
        if python in ENVIRONMENTS[name].pythons and not (options.suite and ENVIRONMENTS[name].floors)
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1 if options.suite else AT_ONCE) as pool:
        return int(not all(pool.map(lambda cell: try_out(*cell, options, Path(folder)), cells)))


if __name__ == "__main__":
    sys.exit(main())
