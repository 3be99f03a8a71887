"""What is shown of the answers."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

NAMES_SHOWN = 3


def categories(path: Path) -> dict[str, list[str]]:
    """The names of the packages in each category, the largest category first.

    Args:
        path: The ``output.jsonl`` of the example Dag ``groq_download_results``.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            content = row["response"]["body"]["choices"][0]["message"]["content"]
            found[_category(content)].append(row["custom_id"])
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def render(found: dict[str, list[str]]) -> str:
    """The categories as a table for a terminal."""
    rows = [("category", "packages", "for example")]
    rows += [(name, str(len(members)), ", ".join(sorted(members)[:NAMES_SHOWN])) for name, members in found.items()]
    wide = max(len(name) for name, *_ in rows)
    return "\n".join(f"{name:<{wide}}  {number:>8}  {members}" for name, number, members in rows)


def _category(content: str) -> str:
    """A model may answer in a form that it was not asked for."""
    try:
        return str(json.loads(content)["category"])
    except (ValueError, TypeError, KeyError):
        return "(unreadable)"
