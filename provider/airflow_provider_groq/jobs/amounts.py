"""How much was read or written."""

from __future__ import annotations

from typing import NamedTuple


class Amount(NamedTuple):
    """How much was read from a place, or written to it; None where it is not known.

    Attributes:
        rows: How many rows, requests or answers.
        bytes: Their size, unpacked.
        files: In how many files.
    """

    rows: int | None = None
    bytes: int | None = None
    files: int | None = None

    def plus(self, other: Amount) -> Amount:
        """The sum of both; if only one is known, that one."""
        return Amount(*(_sum(one, two) for one, two in zip(self, other, strict=True)))


def _sum(one: int | None, two: int | None) -> int | None:
    return (one or 0) + (two or 0) if {one, two} != {None} else None
