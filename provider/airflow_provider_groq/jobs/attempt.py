"""What a batch of a job says of itself: of which requests it is, of which round, and which attempt at its shard."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

FORM = re.compile(r"([^.]+)\.([0-9]{1,9})\.([0-9]{1,9})")
SPOOL = re.compile(r"([0-9]{1,9})-[0-9a-f]+")


class Attempt(NamedTuple):
    """One attempt at the shards of a round; as text, it travels with their batches.

    Attributes:
        spool: The folder of the job's requests.
        round: Which round, from 1.
        number: Which attempt, from 1.
    """

    spool: str
    round: int
    number: int = 1

    def __str__(self) -> str:
        return f"{self.spool}.{self.round}.{self.number}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read one; None if it is none of a job's."""
        found = FORM.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]), int(found[3]))

    @property
    def generation(self) -> int | None:
        """The generation of the job in which its rows were read; None if it does not say it."""
        found = SPOOL.fullmatch(self.spool)
        return None if found is None else int(found[1])


def spool_name(generation: int, random: str) -> str:
    """The name of a folder of requests, which says of which generation of the job they are.

    Args:
        generation: Of the job.
        random: Hexadecimal digits that no other try has.
    """
    return f"{generation}-{random}"
