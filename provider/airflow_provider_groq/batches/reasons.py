"""Why requests of a batch failed, from the beginning of its error file."""

from __future__ import annotations

from collections import Counter

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.result_line import Reason, read_row, reason_of

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
        name, message = told(reason_of(row))
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


def told(reason: Reason) -> tuple[str, str]:
    """The name of the reason of a failed request, and its message; both fit a line of the log."""
    words = [str(word) for word in (reason.status, reason.code) if word]
    return (
        one_line(" ".join(words), MAX_WORD) or "no code",
        one_line(reason.message or "", MAX_MESSAGE).rstrip(". "),
    )
