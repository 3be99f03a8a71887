"""The answer to a question for many batches by their ids: which of them it has, and whether it is one.

Each batch in it is read alone, when it is needed: one that cannot be read then spoils no other, and two hundred
models at once are work for the garbage collector, which holds up the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_groq.api.decoding import first_problem, read_one
from airflow_provider_groq.api.models import TERMINAL, Batch, BatchStatus
from airflow_provider_groq.exceptions import GroqResponseError

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
UNDER_WAY = frozenset(BatchStatus) - TERMINAL

S = TypeVar("S", bound=msgspec.Struct)
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class GlanceCounts(msgspec.Struct, frozen=True, gc=False):
    """`models.RequestCounts`, as far as a glance needs it."""

    total: Count = 0
    completed: Count = 0
    failed: Count = 0

    @property
    def done(self) -> int:
        """How many requests have an answer or an error."""
        return self.completed + self.failed


class Glance(msgspec.Struct, frozen=True, gc=False):
    """A batch under way, and no more of it than a wait needs: a tenth of the work of a `Batch`.

    Only what needs no second thought is read as one; all else, and every batch that has ended, is a `Batch`.
    """

    id: str
    status: str
    request_counts: GlanceCounts = GlanceCounts()

    @property
    def terminal(self) -> Literal[False]:
        """A batch under way has not ended."""
        return False


@dataclass(frozen=True, slots=True)
class Polled:
    """The batches that were asked for, as far as the answer has them.

    Attributes:
        items: Each batch that was asked for and is in the answer, as it came.
        ignored: Whether the server took no notice of the ids, as OpenAI-compatible gateways do, and left out
            some for that: what is missing may exist. Otherwise Groq does not know it.
    """

    items: Mapping[str, Any]
    ignored: bool

    @classmethod
    def joined(cls, polled: Sequence[Polled]) -> Polled:
        """The answers to several questions as one."""
        items = {batch_id: item for each in polled for batch_id, item in each.items.items()}
        return cls(items, any(each.ignored for each in polled))

    def batch(self, batch_id: str) -> Batch:
        """One of the batches.

        Raises:
            GroqResponseError: It cannot be read.
        """
        item = self.items[batch_id]
        try:
            if isinstance(item, msgspec.Raw):
                return read_one(Batch, bytes(item))
            return Batch.model_validate(item)
        except ValidationError as error:
            raise GroqResponseError(
                f"Groq's answer about batch {batch_id} cannot be read ({first_problem(error)})."
            ) from None

    def glance(self, batch_id: str) -> Batch | Glance:
        """One of the batches, as a `Glance` if it is under way.

        Raises:
            GroqResponseError: It cannot be read.
        """
        glance = _read(self.items[batch_id], Glance)
        return glance if glance and glance.status in UNDER_WAY else self.batch(batch_id)


def read_polled(batch_ids: Sequence[str], body: bytes) -> Polled:
    """Read the answer to a question for these batches, the first of each.

    A server that ignored the ids is recognized by batches that were not asked for, and by saying which page of a
    listing this is: Groq answers with those of the batches that it knows, and nothing else.

    Raises:
        ValidationError: It is not a list.
    """
    page = _page(body)
    asked, items, foreign = frozenset(batch_ids), dict[str, Any](), False
    for item in page.data or ():
        named = _read(item, _Named)
        if named is None or named.id not in asked:
            foreign = True
        else:
            items.setdefault(named.id, item)
    return Polled(items, ignored=len(items) < len(asked) and (foreign or page.is_of_a_listing))


class _Named(msgspec.Struct, gc=False):
    id: str


class _Page(msgspec.Struct):
    """A list whose items are read one by one, and the fields that identify a page of a listing."""

    data: list[Any] | None = None
    paging: Any = None
    first_id: Any = msgspec.UNSET
    last_id: Any = msgspec.UNSET
    has_more: Any = msgspec.UNSET

    @property
    def is_of_a_listing(self) -> bool:
        cursor = self.paging.get("next_cursor") if isinstance(self.paging, dict) else None
        return bool(cursor) or not self.first_id is self.last_id is self.has_more is msgspec.UNSET


class _RawPage(_Page):
    data: list[msgspec.Raw] | None = None


def _page(body: bytes) -> _Page:
    """The page; what msgspec does not take is left to pydantic, which takes more, and says what is wrong."""
    try:
        return msgspec.json.decode(body, type=_RawPage)
    except UNREADABLE:
        lax = read_one(_LaxPage, body)
        return msgspec.convert((lax.model_extra or {}) | {"data": lax.data}, _Page)


class _LaxPage(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="allow")

    data: list[Any] | None = None


def _read(item: Any, form: type[S]) -> S | None:
    try:
        return msgspec.json.decode(item, type=form) if isinstance(item, msgspec.Raw) else msgspec.convert(item, form)
    except UNREADABLE:
        return None
