"""What is wrong with a row, until it is known which row it is."""

from __future__ import annotations

from airflow_provider_groq.exceptions import GroqInputError


class RowProblem(ValueError):  # noqa: N818 - it is made an error by naming the row
    """What is wrong with a row, as the end of a sentence that begins with the row."""


def row_error(index: int, problem: object, *, place: str | None = None) -> GroqInputError:
    """An error that names the row.

    Args:
        index: The number of the row, from 0.
        problem: What is wrong with it.
        place: The file and line that it was read from.
    """
    where = f"Row {index:,} (counted from 0)" + (f", which is {place}" if place else "")
    return GroqInputError(f"{where}: {problem}. Nothing was sent.")
