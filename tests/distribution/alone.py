"""``python tests/distribution/alone.py``: the wheel as a user installs it, away from this checkout.

Builds the wheel, installs Airflow into a new environment, takes what is then there as constraints, as Airflow's own
constraint file has it, installs the wheel under them, and runs ``installed.py``, which knows nothing of the checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSTALLED = Path(__file__).with_name("installed.py")

AIRFLOW = "apache-airflow==3.3.2"
TIME = "2026-10-01"
"""Of that release: no package that came later is installed."""

BESIDE = ("apache-airflow-providers-openlineage", "pytest")
"""What users have beside the package, and it works with."""

SECONDS = 600
UV = (sys.executable, "-m", "uv", "pip")


class CommandError(Exception):
    """A command failed; the text is what it printed."""


class Environment:
    """A new environment, and what is installed into it.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = str(folder / "venv" / "bin" / "python")
        self.run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))

    def install(self, *what: str) -> set[str]:
        """Install packages, and return what is installed now that was not before."""
        before = self.frozen()
        self.run(*UV, "install", "--quiet", "--python", self._python, "--exclude-newer", TIME, *what)
        return self.frozen() - before

    def frozen(self) -> set[str]:
        """What is installed, with versions."""
        return set(self.run(*UV, "freeze", "--quiet", "--python", self._python).splitlines())

    def python(self, *arguments: str) -> str:
        """Run its Python; nothing is imported from beside a script or from the folder where this runs."""
        return self.run(self._python, "-P", *arguments)

    def run(self, *command: str) -> str:
        """Run a command, and return what it printed.

        Raises:
            CommandError: It failed.
        """
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH" and "AIRFLOW_" not in key}
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=variables | {"AIRFLOW_HOME": str(self._folder / "airflow"), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            raise CommandError(f"{' '.join(command)}\n{done.stdout[-12_000:]}\n{done.stderr[-6_000:]}")
        return done.stdout


def main() -> int:
    """Try the wheel; 0 if all is right."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        try:
            print(try_out(folder), f"{time.monotonic() - begun:.0f} s.", flush=True)
        except (CommandError, AssertionError) as error:
            print(f"The wheel alone: {error}", flush=True)
            return 1
    return 0


def try_out(folder: Path) -> str:
    """Build, install and run it, and return what was found."""
    environment = Environment(folder)
    environment.run(sys.executable, "-m", "build", "-qq", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    environment.install(AIRFLOW)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(sorted(environment.frozen())))
    added = environment.install("--constraint", str(constraints), str(wheel))
    assert len(added) == 1, f"With {AIRFLOW} the wheel installs more than itself: {sorted(added)}"
    found = environment.python(str(INSTALLED), "wheel")
    environment.install("--constraint", str(constraints), f"{wheel}[common-ai,socks]", *BESIDE)
    found += environment.python(str(INSTALLED), "beside")
    return f"The wheel alone, beside {AIRFLOW}: {', '.join(found.splitlines())};"


if __name__ == "__main__":
    sys.exit(main())
