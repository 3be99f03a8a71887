"""What is on docs/coming-from.md, and the peers that it is about."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from bundles import BUNDLES, bundles

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "coming-from.md").read_text(encoding="utf-8")
DAGS = dict(re.findall(r"```\{code-block\} python\n:caption: (\w+)\.py\n\n(.*?)```", PAGE, re.DOTALL))


def needs(peer):
    """Skips the test where the peer is not installed, or not in the version that the page is of."""
    distribution = f"apache-airflow-providers-{peer}"
    (wanted,) = re.findall(rf"`{distribution}`\s+(\d+\.\d+\.\d+)", PAGE)
    try:
        there = version(distribution)
    except PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed: it is in the group bench or test")
    if there != wanted:
        pytest.skip(f"the page is of {distribution} {wanted}, and {there} is installed")
    if peer != "common-ai":
        pytest.importorskip(peer, reason=f"the SDK of {peer} is not installed: it is in the group bench")


@pytest.fixture
def dag(tmp_path, monkeypatch):
    """Writes a Dag of the page into a folder of its own, which Airflow knows; what it puts into /tmp goes there too."""

    def write(name):
        folder = tmp_path / "dags"
        folder.mkdir()
        (folder / f"{name}.py").write_text(DAGS[name].replace("/tmp/", f"{tmp_path}/"), encoding="utf-8")  # noqa: S108 - as the page has it
        monkeypatch.setenv(BUNDLES, bundles(folder))
        return folder

    return write
