"""The package beside what each supported Airflow release came with, and at the floors of its dependencies.

``python tests/releases [NAME…]`` makes an environment for each with uv, as of the release's time, as Airflow's
constraint files have it; installs the package; and runs ``inside.py`` in it.
"""

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


class Environment(NamedTuple):
    """What is installed.

    Attributes:
        time: No package that came later is installed.
        arguments: What uv is told besides.
        floors: Whether the dependencies must be those of the floors.
    """

    time: str
    arguments: tuple[str, ...]
    floors: bool = False


ENVIRONMENTS = {
    "3.0.6": Environment("2025-10-25", ("apache-airflow==3.0.6",)),
    "3.1.8": Environment("2026-03-15", ("apache-airflow==3.1.8",)),
    "3.2.2": Environment("2026-06-10", ("apache-airflow==3.2.2",)),
    "3.3.0": Environment("2026-07-20", ("apache-airflow==3.3.0",)),
    "3.3.2": Environment("2026-10-01", ("apache-airflow==3.3.2",)),
    "floors": Environment("2025-10-25", ("--resolution", "lowest-direct"), floors=True),
}


def floors() -> list[str]:
    """The dependencies of ``pyproject.toml``, each at its floor."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [dependency.replace(">=", "==") for dependency in project["dependencies"]]


def check(name: str, folder: Path) -> str:
    """Make one environment and run the package in it; return what went wrong, or ""."""
    environment = ENVIRONMENTS[name]
    python = folder / name / "bin" / "python"
    made_of = ["-r", str(ROOT / "pyproject.toml"), "--exclude-newer", environment.time, *environment.arguments]
    commands = [
        [*UV, "venv", "--quiet", "--python", sys.executable, str(folder / name)],
        [*UV, "pip", "install", "--quiet", "--python", str(python), *made_of],
        [*UV, "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(ROOT)],
        [str(python), str(INSIDE), *(floors() if environment.floors else ())],
    ]
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH" and "AIRFLOW_" not in key}
    variables["AIRFLOW_HOME"] = str(folder / f"home-{name}")
    for command in commands:
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            return f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return ""


UV = (sys.executable, "-m", "uv")


def main() -> int:
    """Check the environments named on the command line, or all; 0 if each is right."""
    names = sys.argv[1:] or list(ENVIRONMENTS)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = 0
        for name, problem in zip(names, pool.map(lambda name: check(name, Path(folder)), names), strict=True):
            print(
                f"{name}: {problem or 'every module imports, an example Dag ran, and a watcher told of a batch'}",
                flush=True,
            )
            wrong += bool(problem)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
