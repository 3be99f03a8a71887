"""An Airflow release on a version of Python, in an environment as of the release's time."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv" / "releases"
INSIDE = Path(__file__).with_name("inside.py")
PYPROJECT = ROOT / "pyproject.toml"
TOOLS = "2026-01-15"
"""The tests' own packages are of the release's time, but no older; before, some of them had not come."""
SECONDS = 600
SUITE_SECONDS = 7_200

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = ("3.11", "3.12", "3.13")
UV = (sys.executable, "-m", "uv")


class Release(NamedTuple):
    """What is installed.

    Attributes:
        time: No package that came later is installed.
        arguments: What uv is told besides.
        pythons: The versions of Python that the release supports.
        floors: Whether the dependencies must be those of the floors.
    """

    time: str
    arguments: tuple[str, ...]
    pythons: tuple[str, ...] = PYTHONS
    floors: bool = False


RELEASES = {
    # Its constraint file has this universal-pathlib; with later ones Airflow warns of itself.
    "3.0.6": Release("2025-10-25", ("apache-airflow==3.0.6", "universal-pathlib<0.3"), ("3.11", "3.12")),
    "3.1.8": Release("2026-03-15", ("apache-airflow==3.1.8",)),
    "3.2.2": Release("2026-06-10", ("apache-airflow==3.2.2",)),
    "3.3.0": Release("2026-07-20", ("apache-airflow==3.3.0",)),
    "3.3.2": Release("2026-10-01", ("apache-airflow==3.3.2",)),
    "floors": Release("2025-10-25", ("--resolution", "lowest-direct"), floors=True),
}
MATRIX = ("3.0.6", "3.1.8", "3.2.2", "3.3.2")
"""The newest patch of each."""


class CellError(Exception):
    """Something is wrong with a cell: a line that says what, and the tests that failed, if it was they."""


class Cell:
    """A release on a version of Python, with an environment that is kept until something else is to be installed.

    Args:
        release: Its version, or ``floors``.
        python: The version of Python.
    """

    def __init__(self, release: str, python: str) -> None:
        self.release = release
        self.python = python
        self.log = FOLDER / f"{self}.log"
        self._release = RELEASES[release]
        self._folder = FOLDER / str(self)
        self._program = str(self._folder / "bin" / "python")

    def __str__(self) -> str:
        return f"{self.release}-{self.python}"

    @property
    def is_supported(self) -> bool:
        """Whether the release supports this Python."""
        return self.python in self._release.pythons

    def make(self) -> None:
        """Make the environment, unless it is there, and install the package as it is now.

        Raises:
            CellError: The environment cannot be made.
        """
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        made, wanted = self._folder / "made-of.txt", PYPROJECT.read_text() + Path(__file__).read_text()
        if not (made.is_file() and made.read_text() == wanted):
            self._make_environment()
            made.write_text(wanted)
        self._install("--no-deps", "--reinstall-package", "airflow-provider-groq", str(ROOT))

    def check(self) -> None:
        """Import every module, run an example Dag and a watcher.

        Raises:
            CellError: Something went wrong.
        """
        floors = lowest() if self._release.floors else []
        self._run(self._program, str(INSIDE), *floors, failed="the package does not work")

    def run_tests(self, tests: list[str]) -> str:
        """Run tests, and return pytest's count of them.

        Raises:
            CellError: Some failed.
        """
        options = ("-q", "-n", "2", "-p", "no:cacheprovider", "--rootdir", str(ROOT))
        try:
            said = self._run(self._program, "-m", "pytest", *options, *tests, cwd=ROOT, seconds=SUITE_SECONDS)
        except CellError:
            said = self.log.read_text()
            raise CellError(counts(said) or "the tests did not run", *bad(said)) from None
        return counts(said)

    def _make_environment(self) -> None:
        program = sys.executable if self.python == PYTHON else self.python
        missing = f"there is no Python {self.python}: put a python{self.python} on the PATH"
        venv = ("venv", "--clear", "--no-python-downloads", "--python", program, str(self._folder))
        self._run(*UV, *venv, failed=missing)
        self._install("-r", str(PYPROJECT), "--exclude-newer", self._release.time, *self._release.arguments)
        if self._release.floors:
            return
        frozen = self._folder / "frozen.txt"
        frozen.write_text(self._run(*UV, "pip", "freeze", "--quiet", "--exclude-editable", "--python", self._program))
        tools = tomllib.loads(PYPROJECT.read_text())["dependency-groups"]["unit"]
        self._install("-c", str(frozen), *tools, "--exclude-newer", max(self._release.time, TOOLS))

    def _install(self, *what: str) -> None:
        self._run(*UV, "pip", "install", "--quiet", "--python", self._program, *what, failed="uv cannot install it")

    def _run(
        self, *command: str, failed: str = "a command failed", cwd: Path | None = None, seconds: int = SECONDS
    ) -> str:
        home = self._folder / "airflow"
        shutil.rmtree(home, ignore_errors=True)
        theirs = re.compile("PYTHONPATH|VIRTUAL_ENV|.*AIRFLOW_")
        variables = {key: value for key, value in os.environ.items() if not theirs.match(key)}
        variables["AIRFLOW_HOME"] = str(home)
        with self.log.open("a") as log:
            print(f"$ {' '.join(command)}", file=log, flush=True)
            start = log.tell()
            try:
                done = subprocess.run(
                    command,
                    cwd=cwd or FOLDER,
                    env=variables,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise CellError(f"{failed}: not done within {seconds} s") from None
        if done.returncode:
            raise CellError(failed)
        with self.log.open() as log:
            log.seek(start)
            return log.read()


def counts(said: str) -> str:
    """The last line of pytest with counts, such as ``10 passed, 2 skipped in 3.21s (0:00:03)``; else nothing."""
    return "".join(
        re.findall(r"^(\d+ (?:passed|failed|skipped|error|deselected).* in [\d.]+s)", said, re.MULTILINE)[-1:]
    )


def bad(said: str) -> list[str]:
    """The tests that failed, or could not begin, without their parameters."""
    return list(dict.fromkeys(re.findall(r"^(?:FAILED|ERROR) (tests/[^\s\[]+)", said, re.MULTILINE)))


def lowest() -> list[str]:
    """The dependencies of ``pyproject.toml``, each at its floor."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    return [dependency.replace(">=", "==") for dependency in project["dependencies"]]
