"""How far back an account's listing is read: as far as it may have anything new, and no further."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Protocol

from airflow_provider_groq.api.models import Batch, Page

LATE = 60
"""Seconds by which a batch may come into the listing later than one that was made after it: so far back each poll
reads, be it all known already."""

QUIET_PAGES = 3
"""After so many pages in a row of which all is known, a poll reads no further, however young they are."""

MOST_KNOWN = 50_000
MOST_PAGES = 10_000
"""How many pages a walk reads at most, should a server never come to an end."""

ANY_TIME = float("inf")


class PageSource(Protocol):
    """Where pages come from."""

    async def page(self, cursor: str | None, after: str | None) -> Page[Batch]:
        """Ask for a page of the listing, newest first."""


class Pages:
    """Walks through the listing of an account, again and again.

    Args:
        source: Where pages come from.

    Attributes:
        newest: When the newest batch was made that was seen, as Unix time, but not later than now; 0 if none was.
    """

    def __init__(self, source: PageSource) -> None:
        self._source = source
        self._known: dict[str, None] = {}
        self.newest = 0

    async def walk(self, *, back_to: float = ANY_TIME, floor: float = 0.0) -> AsyncIterator[list[Batch]]:
        """Give page after page, until all is known.

        Args:
            back_to: Unix time: go back to batches made before then, even if all is known.
            floor: Unix time: what was made before then is of no interest.
        """
        seen: dict[str, None] = {}
        quiet, disordered = 0, False
        cursor = after = None
        for _ in range(MOST_PAGES):
            page = await self._source.page(cursor, after)
            new = [batch for batch in page.data if batch.id not in seen]
            seen.update(dict.fromkeys(batch.id for batch in new))
            self._note(new)
            yield new
            # A server that ignores the cursor would send the same page for ever.
            repeated = not new and (page.data or not page.left_out)
            if repeated or not (page.next_cursor or (page.has_more and new)):
                break
            quiet = quiet + 1 if all(batch.id in self._known for batch in new) else 0
            disordered = disordered or _is_disordered(new, floor if cursor is after is None else 0.0)
            if not disordered and self._is_enough(new, quiet, back_to, floor):
                break
            cursor, after = page.next_cursor, None if page.next_cursor else new[-1].id
        # Only now: a walk that was broken off has not seen what lies behind.
        self._remember(seen)

    def _remember(self, seen: Iterable[str]) -> None:
        for batch_id in reversed([*seen]):
            self._known.pop(batch_id, None)
            self._known[batch_id] = None
        for batch_id in [*islice(self._known, max(0, len(self._known) - MOST_KNOWN))]:
            del self._known[batch_id]

    def _note(self, batches: Iterable[Batch]) -> None:
        made = max((batch.created_at or 0 for batch in batches), default=0)
        # A single batch that claims to be of the future would make all others old.
        self.newest = max(self.newest, min(made, int(time.time())))

    def _is_enough(self, new: list[Batch], quiet: int, back_to: float, floor: float) -> bool:
        made = _made(new)
        oldest = min(made) if made and len(made) == len(new) else None
        if oldest is not None and oldest < floor:
            return True
        if back_to < ANY_TIME and (oldest is None or oldest >= back_to):
            return False
        return quiet >= QUIET_PAGES or (quiet > 0 and oldest is not None and oldest < self.newest - LATE)


def _made(batches: Iterable[Batch]) -> list[int]:
    return [batch.created_at for batch in batches if batch.created_at is not None]


def _is_disordered(batches: list[Batch], floor: float) -> bool:
    """Whether these are not newest first, as gateways may have it: newer ones may be anywhere.

    Args:
        batches: A page.
        floor: When the newest batch of the first page must have been made, at least.
    """
    made = _made(batches)
    return bool(made) and (made[0] < made[-1] or max(made) < floor)
