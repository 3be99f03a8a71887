"""Which batches of a task there are on Groq."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.text import as_text, one_line
from airflow_provider_groq.batches.identity import Claim, made_since
from airflow_provider_groq.batches.outcome import describe
from airflow_provider_groq.exceptions import GroqError, GroqLookupError
from airflow_provider_groq.hooks.groq import GroqHook

log = logging.getLogger(__name__)

MAX_PAGES = 50
"""How many pages of the listing are read at the most."""

MAX_FILES = 50
"""How many files are asked for singly at the most, where the server does not list them."""

SKEW = 300.0
"""Seconds by which Groq's clock may differ from this machine's."""

WAY_OUT = "No batch is created without knowing; reattach=False creates one all the same."


class _Unreadable(Batch):
    """Stands for a batch whose id or status cannot be read, with all that can be."""


class Lookup:
    """Looks for the batches of a claim in Groq's listing, the newest first.

    A batch is told by its metadata. One without any may have lost it to a server that does not keep it,
    and is told by its input file. What only saves an upload may fail; what decides about a batch may not.

    Args:
        hook: Where.
        claim: Whose batches.
        since: When the first of them can have been made, as Unix time.
    """

    def __init__(self, hook: GroqHook, claim: Claim, *, since: float) -> None:
        self._hook = hook
        self._claim = claim
        self._since = since - SKEW

    def batches(self) -> list[Batch]:
        """Find all.

        Raises:
            GroqLookupError: Groq could not be asked, or refuses to be.
        """
        return self._ours(self._list(self._since), look_at_bare=True)

    def batches_beside(self, made: Batch) -> list[Batch]:
        """Find all, given one that was just made and is among them as soon as it is listed.

        Raises:
            GroqLookupError: As for `batches`.
        """
        # Its time is that of Groq's clock, which this machine's should be and may not.
        since = self._since if made.created_at is None else min(self._since, made.created_at - SKEW)
        listed = self._list(since)
        # The one that was made shows whether the server keeps metadata.
        ours = {batch.id for batch in self._ours(listed, look_at_bare=not made.metadata)}
        return [batch for batch in listed if batch.id in ours or batch.id == made.id]

    def batches_of(self, file_id: str, *, sent_at: float) -> list[Batch]:
        """Find those that were made of a file since it was sent, as Unix time.

        Raises:
            GroqLookupError: As for `batches`.
        """
        listed = self._list(self._since)
        made = [batch for batch in listed if batch.input_file_id == file_id and made_since(batch, sent_at - SKEW)]
        if any(batch.metadata for batch in listed):
            made = [batch for batch in made if self._claim.marks(batch)]
        return _readable(made)

    def file_id(self, size: int) -> str | None:
        """The input file that an earlier try has uploaded, if there is one of this size and the server lists it."""
        try:
            files = self._named_files()
        except GroqError as error:
            log.warning("Whether the input is at Groq already could not be found out, so it is uploaded: %s", error)
            return None
        return next((file_id for file_id, bytes_ in files.items() if bytes_ == size), None)

    def _ours(self, listed: list[Batch], *, look_at_bare: bool) -> list[Batch]:
        bare = [batch for batch in listed if not batch.metadata] if look_at_bare else []
        files = self._files_of(bare, listed) if bare else set()
        named = {batch.id for batch in bare if batch.input_file_id in files}
        return _readable([batch for batch in listed if batch.id in named or self._claim.marks(batch)])

    def _files_of(self, bare: list[Batch], listed: list[Batch]) -> set[str]:
        """The input files of this claim, among those of batches without metadata."""
        try:
            return set(self._named_files())
        except GroqError as error:
            if any(batch.metadata for batch in listed):
                # The server keeps metadata, so a batch without any is nobody's who always sends some.
                log.info("The files could not be listed: %s Batches without metadata count as those of others.", error)
                return set()
            used = sorted({batch.input_file_id for batch in bare if batch.input_file_id})
            if len(used) > MAX_FILES:
                raise _failed(error) from error
        return {file_id for file_id in used if self._is_named(file_id)}

    def _is_named(self, file_id: str) -> bool:
        try:
            return self._claim.names(self._hook.get_file(file_id))
        except GroqError as error:
            raise _failed(error) from error

    def _named_files(self) -> dict[str, int]:
        """The size of each file whose name is that of this claim's input."""
        return {file.id: file.bytes for file in self._hook.list_files() if self._claim.names(file)}

    def _list(self, since: float) -> list[Batch]:
        """The account's batches that were made since then."""
        try:
            listed = list(self._recent(since))
        except GroqLookupError:
            raise
        except GroqError as error:
            raise _failed(error) from error
        self._tell_of_others(listed)
        return listed

    def _recent(self, since: float) -> Iterator[Batch]:
        for number, page in enumerate(self._hook.batch_pages(), 1):
            if not page.data and (page.next_cursor or page.has_more):
                raise _not_known("Groq's listing says that it goes on, and gives the same page again")
            batches = [*page.data, *_unreadable(page.left_out)]
            recent = [batch for batch in batches if made_since(batch, since)]
            yield from recent
            # Not all gateways list strictly by age, so only a page without anything recent ends it.
            if any(batch.created_at for batch in batches) and not any(batch.created_at for batch in recent):
                return
            if number == MAX_PAGES:
                raise _not_known(f"{MAX_PAGES} pages of Groq's listing do not go back to when its run began")

    def _tell_of_others(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            if self._claim.marks_task(batch) and not self._claim.marks(batch) and not batch.terminal:
                log.warning(
                    "%s It is of this task too, but of another input: it is left as it is, and goes on at Groq. "
                    "Cancel it if nobody wants it.",
                    describe(batch),
                )


def _unreadable(items: Iterable[Any]) -> Iterator[Batch]:
    for item in items:
        if isinstance(item, dict):
            name = one_line(as_text(item.get("id") or ""), 100) or "without an id"
            yield _Unreadable.model_validate(item | {"id": name, "status": "unreadable"})


def _readable(ours: list[Batch]) -> list[Batch]:
    """The batches, if none of them is one that cannot be read."""
    for batch in ours:
        if isinstance(batch, _Unreadable):
            raise _not_known(
                f"the listing has batch {batch.id}, which may be this task's, and whose id or status cannot be read"
            )
    return ours


def _failed(error: GroqError) -> GroqLookupError:
    return GroqLookupError(
        f"Whether this task has a batch already could not be looked up: {error} {WAY_OUT}", retryable=error.retryable
    )


def _not_known(why: str) -> GroqLookupError:
    return GroqLookupError(f"Whether this task has a batch already is not known: {why}. {WAY_OUT}")
