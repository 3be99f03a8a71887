"""What `make release` says is left to do."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_spec = importlib.util.spec_from_file_location("release", ROOT / "tests" / "distribution" / "__main__.py")
release = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(release)

READY = release.State(
    version="1.2.0",
    repository="https://git.example/ours/provider",
    changelog="# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-26\n\n### Added\n\n- A thing.\n",
    tags=["v1.2.0"],
    changes="",
)


def test_nothing_is_left_to_do():
    assert release.problems(READY) == []
    assert release.problems(READY._replace(changelog=READY.changelog.replace("## [Unreleased]\n\n", ""))) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repository": ""}, "No public address is known"),
        ({"repository": "git@git.example:ours/provider"}, "No public address is known"),
        ({"version": "1.2.0.dev1"}, "1.2.0.dev1 is none of a release"),
        ({"version": "1.3.0"}, "no section '## [1.3.0] - YYYY-MM-DD'"),
        ({"changelog": READY.changelog.replace("2026-11-26", "soon")}, "no section '## [1.2.0] - YYYY-MM-DD'"),
        ({"changelog": READY.changelog.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n")}, "under Unreleased"),
        ({"changes": " M README.md"}, "not committed:\n M README.md"),
        ({"tags": ["v1.1.0"]}, "git tag v1.2.0"),
    ],
)
def test_each_step_that_is_left_is_told(wrong, said):
    assert said in "\n".join(release.problems(READY._replace(**wrong)))


def test_the_version_has_its_dated_section_in_the_changelog():
    """Whoever raises the version writes what changed."""
    source = (ROOT / "provider" / "airflow_provider_groq" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)[1]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(release.DATED.format(version=re.escape(version)), changelog, re.MULTILINE)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository")
def test_the_command_fails_where_something_is_left():
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "distribution"], capture_output=True, text=True, check=False
    )
    left = release.problems(release.state())
    assert done.returncode == bool(left)
    assert all(problem in done.stdout for problem in left)
