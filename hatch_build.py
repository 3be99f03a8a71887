"""What the package index shows, made at build time: README.md as it reads there, and the project's addresses.

Readers of the package index have no checkout, so a relative link leads nowhere. If ``repository`` in
``pyproject.toml`` names the public repository, links and pictures lead to the files of this version there. If it is
empty, links become paths in the source distribution, and pictures are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

CODE = re.compile(r"^(```.*?^```)$", re.DOTALL | re.MULTILINE)
RELATIVE = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>(?!#|[a-z]+:)(?P<path>[^)#\s]+)[^)\s]*)\)")
TITLE = re.compile(r"\A# .+\n")
NOTE = "\nPaths such as `docs/index.md` are in the source distribution of this version.\n"


class Index(MetadataHookInterface):
    """Sets the long description and the addresses."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set both, from ``README.md`` and ``repository``."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository, tag = self.config["repository"].rstrip("/"), f"v{metadata['version']}"
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, repository, tag) if repository else offline(text),
        }
        metadata["urls"] = addresses(repository, tag) if repository else {}


def addresses(repository: str, tag: str) -> dict[str, str]:
    """Where the index leads to.

    Args:
        repository: The public address of the repository, in the form of GitHub.
        tag: Of this version.
    """
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/blob/{tag}/docs/index.md",
        "Source": repository,
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def absolute(text: str, repository: str, tag: str) -> str:
    """A page whose relative links and pictures lead to the repository."""

    def replace(found: re.Match[str]) -> str:
        kind = "raw" if found["picture"] else "blob"
        return f"{found['picture']}[{found['text']}]({repository}/{kind}/{tag}/{found['target']})"

    return _outside_of_code(text, replace)


def offline(text: str) -> str:
    """A page without relative links and pictures, for readers of the source distribution."""

    def replace(found: re.Match[str]) -> str:
        if found["picture"]:
            return ""
        return f"`{found['path']}`" if found["text"] == found["path"] else f"{found['text']} (`{found['path']}`)"

    without = re.sub(r"\n{3,}", "\n\n", _outside_of_code(text, replace))
    return TITLE.sub(lambda title: title[0] + NOTE, without)


def _outside_of_code(text: str, replace: Callable[[re.Match[str]], str]) -> str:
    parts = CODE.split(text)
    parts[::2] = [RELATIVE.sub(replace, part) for part in parts[::2]]
    return "".join(parts)
