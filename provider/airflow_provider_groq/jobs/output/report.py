"""What the end of a job's log says: what failed, and what was used, as tables of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.reasons import MAX_WORD
from airflow_provider_groq.jobs.money.prices import Prices, in_words
from airflow_provider_groq.jobs.output.causes import name

MAX_CAUSES = 10
"""How many kinds of errors are shown; the manifest has all."""


def causes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the table of failures, the commonest first; none if nothing failed."""
    errors = manifest["errors"]
    if not errors:
        return
    yield f"What failed, of {manifest['rows']['total']:,} rows:"
    yield from _table(
        ("rows", "share", "cause", "first row", "what to do"),
        [
            (
                f"{error['count']:,}",
                f"{error['share']:.1%}",
                name(error)[0],
                one_line(error["custom_id"], MAX_WORD),
                error["advice"],
            )
            for error in errors[:MAX_CAUSES]
        ],
        numbers=2,
    )
    if len(errors) > MAX_CAUSES:
        yield f"and {len(errors) - MAX_CAUSES:,} more causes: see manifest.json."


def tokens(manifest: Mapping[str, Any], prices: Prices) -> Iterator[str]:
    """The lines of the table of tokens and cost, by round and model; none if nothing was used."""
    used = [
        (str(round_["round"]), model, sums) for round_ in manifest["rounds"] for model, sums in round_["tokens"].items()
    ]
    if not used:
        return
    yield "Tokens and cost:"
    rows = [
        (number, *_counts(sums), in_words(prices.cost(model, sums["prompt_tokens"], sums["completion_tokens"])), model)
        for number, model, sums in used
    ]
    every = [sums for _, _, sums in used]
    whole = {kind: sum(sums[kind] for sums in every) for kind in every[0]}
    yield from _table(
        ("round", "prompt", "completion", "of it reasoning", "cost", "model"),
        [*rows, ("all", *_counts(whole), in_words(manifest["cost"]), "")],
        numbers=5,
    )
    if manifest["cost"] is None:
        yield _unknown(prices.lacking(model for _, model, _ in used))


def _unknown(models: Sequence[str]) -> str:
    """Why the cost of a job is unknown."""
    if not models:
        return "The cost is unknown: some answers have no token counts."
    named = ", ".join(one_line(model, MAX_WORD) for model in models[:MAX_CAUSES])
    more = f", and of {len(models) - MAX_CAUSES} more models" if len(models) > MAX_CAUSES else ""
    return (
        f"The cost is unknown: to see it, set the price of {named}{more} in the argument prices, or in [groq] prices."
    )


def _counts(sums: Mapping[str, int]) -> tuple[str, str, str]:
    return f"{sums['prompt_tokens']:,}", f"{sums['completion_tokens']:,}", f"{sums['reasoning_tokens']:,}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> Iterator[str]:
    """Lines of columns; the first ones are numbers, which end at the same place.

    They are told apart by bars, since not every view of a log keeps spaces.
    """
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [
            cell.rjust(width) if column < numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield f"| {' | '.join(cells)} |"
