"""What `make build` makes: an sdist and a wheel that an index takes, and that hold what they should."""

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import airflow_provider_groq

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "provider" / "airflow_provider_groq"


@pytest.fixture(scope="module")
def metadata(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(wheel.read(name))


def files_of(folder, *, apart=()):
    found = (path.relative_to(folder) for path in folder.rglob("[!.]*") if path.is_file())
    made = {"__pycache__", *apart, ".pytest_cache"}
    return {path.as_posix() for path in found if not made & set(path.parts)}


def test_an_index_takes_both(built):
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *built]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_holds_the_package_and_the_example_dags_and_nothing_else(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {f"airflow_provider_groq/{name}" for name in files_of(PACKAGE, apart=["example_dags"])}
    examples = {f"airflow_provider_groq/example_dags/{name}" for name in files_of(ROOT / "example_dags")}
    assert len(examples) > 10
    assert held == package | examples


def test_the_sdist_holds_what_its_readers_need_and_nothing_that_was_made(built):
    with tarfile.open(built.sdist) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    for folder in ("docs", "example_dags", "tests"):
        assert {f"{folder}/{name}" for name in files_of(ROOT / folder, apart=["_build"])} <= held
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "Makefile"} <= held
    made = {"__pycache__", "_build", ".venv", ".demo", "dist", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    assert not [name for name in held if made & set(name.split("/"))]


def test_the_metadata_say_what_an_index_shows(metadata):
    classifiers = metadata.get_all("Classifier")
    assert metadata["Version"] == airflow_provider_groq.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert not [name for name in classifiers if name.startswith("License ::")]  # a second word on it is an error
    assert "Framework :: Apache Airflow :: Provider" in classifiers
    assert "Development Status :: 5 - Production/Stable" in classifiers
    assert metadata["Author"]
    assert metadata["Requires-Python"] == ">=3.11"  # no upper bound, which would make pip choose an old release
    assert "airflow-provider" in metadata["Keywords"].split(",")
