"""``python tests/distribution``: whether this checkout is ready to be released. `make release` runs it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DATED = r"^## \[{version}\] - \d{{4}}-\d{{2}}-\d{{2}}$"
UNRELEASED = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## \[|\Z)", re.DOTALL | re.MULTILINE)


class State(NamedTuple):
    """What a release depends on.

    Attributes:
        version: Of the package.
        repository: Its public address.
        changelog: The text of ``CHANGELOG.md``.
        tags: The tags of the commit that is checked out.
        changes: What is not committed, as git lists it.
    """

    version: str
    repository: str
    changelog: str
    tags: list[str]
    changes: str


def problems(state: State) -> list[str]:
    """What is left to do before a release."""
    found = []
    if not re.fullmatch(r"\d+\.\d+\.\d+", state.version):
        found.append(f"The version {state.version} is none of a release: set __version__, such as 1.2.0.")
    if not state.repository.startswith("https://"):
        found.append(
            "No public address is known, so links of README.md lead nowhere on the package index: set repository in "
            "pyproject.toml, under tool.hatch.metadata.hooks.custom."
        )
    if not re.search(DATED.format(version=re.escape(state.version)), state.changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no section '## [{state.version}] - YYYY-MM-DD'.")
    unreleased = UNRELEASED.search(state.changelog)
    if unreleased and unreleased[1].strip():
        found.append(f"CHANGELOG.md has changes under Unreleased: move them to {state.version}.")
    if state.changes:
        found.append(f"There are changes that are not committed:\n{state.changes}")
    if f"v{state.version}" not in state.tags:
        found.append(
            f"The tag v{state.version}, to which the links lead, is not of this commit: git tag v{state.version}"
        )
    return found


def state() -> State:
    """The state of this checkout."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    source = (ROOT / "provider" / "airflow_provider_groq" / "__init__.py").read_text(encoding="utf-8")
    return State(
        version=re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)[1],
        repository=pyproject["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"],
        changelog=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        tags=git("tag", "--points-at", "HEAD").split(),
        changes=git("status", "--porcelain"),
    )


def git(*arguments: str) -> str:
    """What git says of this checkout."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def main() -> int:
    """Say what is left to do, or how to upload; 0 if all is done."""
    found = problems(state())
    for number, problem in enumerate(found, 1):
        print(f"{number}. {problem}")
    print("This is no release yet." if found else "Ready. Upload with: .venv/bin/python -m twine upload dist/*")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
