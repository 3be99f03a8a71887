"""Why requests of a batch failed, told from the beginning of its error file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.results import body_of, read_row

MAX_BYTES = 256 << 10
"""How much of an error file is read to tell the reasons: about a thousand lines."""

SECONDS = 10.0
"""How long that may take."""

SHOWN = 3
MAX_MESSAGE, MAX_WORD = 160, 60


def summary(head: bytes, *, whole: bool) -> str:
    """The commonest reasons in an error file, each with its count, code, message and one ``custom_id``.

    Args:
        head: The beginning of the file.
        whole: Whether that is all of it. If not, its last line may be cut.

    Returns:
        Such as "3 of 3: 404 model_not_found (The model `x` does not exist), such as question-1"; "" if no line
        can be read.
    """
    lines = head.split(b"\n")
    rows = [row for line in (lines if whole else lines[:-1]) if line.strip() and (row := read_row(line))]
    counts: Counter[str] = Counter()
    examples: dict[str, tuple[str, str]] = {}
    for row in rows:
        name, message = _reason(row)
        counts[name] += 1
        examples.setdefault(name, (message, one_line(row["custom_id"], MAX_WORD)))
    of = f"{len(rows):,}" if whole else f"the first {len(rows):,}"
    shown = [
        f"{count:,} of {of}: {name}{f' ({message})' if message else ''}, such as {custom_id}"
        for name, count in counts.most_common(SHOWN)
        for message, custom_id in [examples[name]]
    ]
    more = len(counts) - SHOWN
    return "; ".join([*shown, *([f"and {more:,} more reasons"] if more > 0 else [])])


def _reason(row: Mapping[str, Any]) -> tuple[str, str]:
    """What names the reason of a failed request, and its message."""
    response, error = row.get("response"), row.get("error")
    status = response.get("status_code") if isinstance(response, dict) else None
    if not isinstance(error, dict):
        error = body_of(row).get("error", error)
    details: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    code = details.get("code") or details.get("type")
    words = [str(word) for word in (status, code) if isinstance(word, (int, str)) and word]
    message = details.get("message")
    return (
        one_line(" ".join(words), MAX_WORD) or "no code",
        one_line(message, MAX_MESSAGE).rstrip(". ") if isinstance(message, str) else "",
    )
