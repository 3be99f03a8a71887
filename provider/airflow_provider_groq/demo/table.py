"""What is shown of the answers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES_SHOWN = 3


def categories(manifest: Mapping[str, Any], folder: Path) -> dict[str, list[str]]:
    """The names of the packages in each category, the largest category first.

    A task reads answers with ``read_answers``. This runs in the process that starts Airflow, and loads none of it.

    Args:
        manifest: Of the example Dag ``groq_rows_to_answers``.
        folder: Where it stands.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in manifest["parts"]:
        with (folder / part["name"]).open(encoding="utf-8") as lines:
            for answer in map(json.loads, lines):
                succeeded = answer["status"] == "succeeded"
                found[answer["output"]["category"] if succeeded else f"({answer['status']})"].append(
                    answer["custom_id"]
                )
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def render(found: dict[str, list[str]]) -> str:
    """The categories as a table for a terminal."""
    rows = [("category", "packages", "for example")]
    rows += [(name, str(len(members)), ", ".join(sorted(members)[:NAMES_SHOWN])) for name, members in found.items()]
    wide = max(len(name) for name, *_ in rows)
    return "\n".join(f"{name:<{wide}}  {number:>8}  {members}" for name, number, members in rows)


def accounts(manifest: Mapping[str, Any]) -> str:
    """The lines of the manifest with the outcome of the rows, and what it took."""
    rows = ", ".join(f"{count:,} {status}" for status, count in manifest["rows"].items() if count)
    rounds = ", ".join(f"{r['succeeded']:,} of {r['rows']:,} rows succeeded" for r in manifest["rounds"])
    tokens = "; ".join(
        f"{sums['prompt_tokens']:,} in, {sums['completion_tokens']:,} out ({model})"
        for model, sums in manifest["tokens"].items()
    )
    return f"rows    {rows}\nrounds  {rounds}\ntokens  {tokens}"
