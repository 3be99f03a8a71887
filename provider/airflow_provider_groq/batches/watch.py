"""What a watcher of batches knows, and which ended batches it has not reported. Pure: other modules call Groq.

What must outlast the process is small: which of its batches are under way, which young ones are settled, and from
when on batches are young. All older ones are settled, or under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_groq.api.decoding import first_problem
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import BatchEvent
from airflow_provider_groq.batches.outcome import results_pending
from airflow_provider_groq.batches.polling import RESULTS_GRACE
from airflow_provider_groq.exceptions import GroqInputError

YOUNG = 600
"""Seconds by which a batch may come into the listing later than one that was made after it."""

MOST_SETTLED, MOST_UNDATED = 1_000, 5_000
"""How many settled batches are stored, and how many of which the server does not say when they were made. Beyond the
former, fewer seconds count as young."""

MOST_REMEMBERED = 50_000
"""How many settled batches without a time are remembered until the process ends, a few MB. One that was forgotten, the
longest settled first, is told of twice should a listing show it again."""

GONE_AFTER = 3_600.0
"""Seconds for which Groq must not know a batch that was under way, before it is given up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which batches a watcher reports.

    Attributes:
        metadata: What a batch's metadata must have.
        statuses: The statuses of batches that have ended.
    """

    metadata: Mapping[str, str]
    statuses: frozenset[str]

    def matches(self, batch: Batch) -> bool:
        """Whether the batch is one to watch, however it ends."""
        return all(batch.metadata.get(key) == value for key, value in self.metadata.items())


class Memory(BaseModel):
    """What a watcher knows, as it is stored.

    Attributes:
        since: Unix time of the server: all batches made before are settled, or under way.
        under_way: The batches that it has not reported and that are not settled.
        settled: Those created since then that it has reported, or that had ended when it began, each with the Unix time
            at which it was made, if that is known.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    since: int
    under_way: tuple[str, ...] = ()
    settled: dict[str, int | None] = Field(default_factory=dict)

    @classmethod
    def joined(cls, stored: Iterable[Any]) -> Memory | None:
        """What several stores have together: what one of them has not settled is reported. None if empty.

        Raises:
            GroqInputError: One of them has something else.
        """
        try:
            memories = [cls.model_validate(each) for each in stored if each is not None]
        except ValidationError as error:
            raise GroqInputError(f"The watcher's stored state cannot be read ({first_problem(error)}).") from None
        if not memories:
            return None
        settled = {key: made for memory in memories for key, made in memory.settled.items()}
        return cls(
            since=min(memory.since for memory in memories),
            under_way=tuple(dict.fromkeys(batch_id for memory in memories for batch_id in memory.under_way)),
            settled={
                key: made for key, made in settled.items() if all(each.has_settled(key, made) for each in memories)
            },
        )

    def stored(self) -> dict[str, Any]:
        """As plain JSON."""
        return self.model_dump(mode="json")

    def has_settled(self, batch_id: str, made: int | None) -> bool:
        """Whether a batch, made at this Unix time, is settled."""
        is_old = made is not None and made < self.since and batch_id not in self.under_way
        return is_old or batch_id in self.settled


class Watch:
    """The batches of one watcher.

    Args:
        wanted: Which batches these are.
        memory: What it knew when it was last stored; None for the first start, when `begin` and `survey` must come
            before anything else: batches that have ended by then are never reported.

    Attributes:
        since: As in `Memory`; None before the first start.
        surveyed: Whether all batches are known that were under way at the first start.
    """

    def __init__(self, wanted: Wanted, memory: Memory | None = None) -> None:
        self._wanted = wanted
        self.since = memory.since if memory else None
        self.surveyed = memory is not None
        self._under_way = dict.fromkeys(memory.under_way if memory else ())
        settled = memory.settled if memory else {}
        self._settled = {key: made for key, made in settled.items() if made is not None}
        self._undated = dict.fromkeys(key for key, made in settled.items() if made is None)
        self._ended: dict[str, Batch] = {}
        self._pending: dict[str, float] = {}
        self._missing: dict[str, float] = {}

    def begin(self, newest: int) -> None:
        """The first start: the newest batch was made at this time; 0 if there is none."""
        self.since = max(0, newest - YOUNG)

    def survey(self, batches: Iterable[Batch]) -> None:
        """At the first start: what there is already."""
        for batch in filter(self._wanted.matches, batches):
            if batch.terminal:
                self._settle(batch.id, batch.created_at)
            elif not self._has_settled(batch.id):
                self._under_way[batch.id] = None

    @property
    def asked_for(self) -> list[str]:
        """The batches whose status must be requested."""
        return [batch_id for batch_id in self._under_way if batch_id not in self._ended]

    @property
    def has_news(self) -> bool:
        """Whether there is anything to report."""
        return bool(self._ended)

    def see(self, batches: Iterable[Batch], now: float) -> None:
        """Batches were seen, in a listing or because they were asked for.

        Args:
            batches: The batches.
            now: Unix time.
        """
        for batch in batches:
            if batch.id not in self._under_way and not self._is_new(batch):
                continue
            self._under_way[batch.id] = None
            self._missing.pop(batch.id, None)
            if not batch.terminal or batch.id in self._ended or self._awaits_results(batch, now):
                continue
            if batch.status in self._wanted.statuses:
                self._ended[batch.id] = batch
            else:
                self._settle(batch.id, batch.created_at)

    def missing(self, batch_id: str, now: float) -> bool:
        """Groq does not know the batch, which was asked for; whether it is given up for that."""
        if now - self._missing.setdefault(batch_id, now) < GONE_AFTER:
            return False
        self._settle(batch_id, None)
        return True

    def listed(self, newest: int) -> None:
        """All batches made since `since` have been seen, of which the newest was made at this time."""
        self.since = max(self.since or 0, newest - YOUNG)
        for batch_id in [key for key, made in self._settled.items() if made < self.since]:
            del self._settled[batch_id]

    def tell(self) -> dict[str, Any] | None:
        """The payload of an event with the batches that have ended, as many as one may hold; None if none has."""
        if not self._ended:
            return None
        payload, told = BatchEvent.of_ended(self._ended.values())
        for batch in list(self._ended.values())[:told]:
            self._settle(batch.id, batch.created_at)
        return payload

    def memory(self) -> Memory:
        """What to store, once everything that `tell` has returned is safe."""
        since = self.since or 0
        dated = sorted(self._settled.values(), reverse=True)
        if len(dated) > MOST_SETTLED:
            since = max(since, dated[MOST_SETTLED] + 1)
        undated = dict.fromkeys([*self._undated][-MOST_UNDATED:])
        kept = {key: made for key, made in self._settled.items() if made >= since}
        return Memory(since=since, under_way=tuple(self._under_way), settled=kept | undated)

    def _is_new(self, batch: Batch) -> bool:
        if self._has_settled(batch.id) or not self._wanted.matches(batch):
            return False
        return batch.created_at is None or self.since is None or batch.created_at >= self.since

    def _settle(self, batch_id: str, made: int | None) -> None:
        self._under_way.pop(batch_id, None)
        self._ended.pop(batch_id, None)
        self._pending.pop(batch_id, None)
        self._missing.pop(batch_id, None)
        if made is None:
            self._undated[batch_id] = None
            if len(self._undated) > MOST_REMEMBERED:
                del self._undated[next(iter(self._undated))]
        elif self.since is None or made >= self.since:
            self._settled[batch_id] = made

    def _has_settled(self, batch_id: str) -> bool:
        return batch_id in self._settled or batch_id in self._undated

    def _awaits_results(self, batch: Batch, now: float) -> bool:
        """Whether a batch that has ended lacks a result file that may appear soon."""
        if not results_pending(batch):
            return False
        return now - self._pending.setdefault(batch.id, now) < RESULTS_GRACE
