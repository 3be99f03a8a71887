"""Which batches of a task there are on Groq: one listing for all of its claims."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from airflow_provider_groq.api.models import Batch, File
from airflow_provider_groq.api.text import as_text, one_line
from airflow_provider_groq.batches.identity import ROUND_KEY, Claim, made_since, mark_of
from airflow_provider_groq.batches.outcome import describe
from airflow_provider_groq.exceptions import GroqError, GroqLookupError
from airflow_provider_groq.hooks.groq import GroqHook

log = logging.getLogger(__name__)

MAX_PAGES = 50
"""How many pages of the listing are read at the most for each claim: a job may fill many itself."""

MAX_FILES = 50
"""How many files are asked for singly at the most for each claim, where the server does not list them."""

SKEW = 300.0
"""Seconds by which Groq's clock may differ from this machine's."""

WAY_OUT = "No batch was created, because it could be a second one; to create one anyway, set reattach=False."


CheckOthers: TypeAlias = Callable[[Sequence[Batch]], None]


class _Unreadable(Batch):
    """Stands for a batch whose id or status cannot be read, with all that can be."""


class Lookup:
    """Searches Groq's listing for the batches of a task's claims, the newest first; once for all of them.

    A batch is identified by its metadata. One without any may have lost it to a server that does not keep it,
    and is identified by its input file. What only saves an upload may fail; what decides about a batch may not.

    Args:
        hook: Where.
        claims: Whose batches, all of one task.
        since: The earliest time at which they can have been created, as Unix time.
        check_others: Is given the other batches of the task before any is made, and raises if one must not be.
    """

    def __init__(
        self, hook: GroqHook, claims: Sequence[Claim], *, since: float, check_others: CheckOthers | None = None
    ) -> None:
        self._hook = hook
        self._check_others = check_others
        self._since = since - SKEW
        self._by_mark = {frozenset(claim.mark.items()): claim for claim in claims}
        self._by_suffix = {claim.file_suffix: claim for claim in claims}
        self._task = claims[0]
        self._max_pages = MAX_PAGES * len(claims)

    def batches(self) -> dict[Claim, list[Batch]]:
        """Find all.

        Raises:
            GroqLookupError: Groq could not be asked, or refuses to be.
        """
        listed = self._list(self._since)
        if self._check_others is not None:
            self._check_others([batch for batch in listed if self._task.marks_task(batch) and not self._marked(batch)])
        return self._ours(listed, look_at_bare=True)

    def of_task(self) -> list[Batch]:
        """Find all that say that they are of the task, whichever claim's.

        Raises:
            GroqLookupError: As for `batches`.
        """
        return [batch for batch in self._list(self._since) if self._task.marks_task(batch)]

    def batches_beside(self, made: Mapping[Claim, Batch]) -> dict[Claim, list[Batch]]:
        """Find all, given some that were just made and are among them as soon as they are listed.

        Raises:
            GroqLookupError: As for `batches`.
        """
        # Their time is that of Groq's clock, which this machine's should be and may not.
        times = [batch.created_at - SKEW for batch in made.values() if batch.created_at is not None]
        listed = self._list(min([self._since, *times]))
        # Those that were made show whether the server keeps metadata.
        ours = self._ours(listed, look_at_bare=not all(batch.metadata for batch in made.values()))
        claims = {batch.id: claim for claim, batch in made.items()}
        for batch in listed:
            claim = claims.get(batch.id)
            if claim and all(batch.id != other.id for other in ours.get(claim, ())):
                ours.setdefault(claim, []).append(batch)
        return ours

    def batches_of(self, claim: Claim, file_id: str, *, sent_at: float) -> list[Batch]:
        """Find those of a claim that were made of a file since it was sent, as Unix time.

        Raises:
            GroqLookupError: As for `batches`.
        """
        listed = self._list(self._since)
        made = [batch for batch in listed if batch.input_file_id == file_id and made_since(batch, sent_at - SKEW)]
        if any(batch.metadata for batch in listed):
            made = [batch for batch in made if claim.marks(batch)]
        _check_readable(made)
        return made

    def files(self) -> dict[Claim, dict[str, int]]:
        """The input files that earlier tries have uploaded, with their sizes; none if the server does not list them."""
        files: dict[Claim, dict[str, int]] = defaultdict(dict)
        try:
            for file in self._hook.list_files():
                if claim := self._named(file):
                    files[claim][file.id] = file.bytes
        except GroqError as error:
            log.warning("Could not check whether the input is already at Groq, so it is uploaded: %s", error)
            return {}
        return files

    def _ours(self, listed: list[Batch], *, look_at_bare: bool) -> dict[Claim, list[Batch]]:
        bare = [batch for batch in listed if not batch.metadata] if look_at_bare else []
        files = self._files_of(bare, listed) if bare else {}
        named = {batch.id: files[batch.input_file_id] for batch in bare if batch.input_file_id in files}
        ours: dict[Claim, list[Batch]] = defaultdict(list)
        for batch in listed:
            if claim := named.get(batch.id) or self._marked(batch):
                ours[claim].append(batch)
        _check_readable(batch for batches in ours.values() for batch in batches)
        return ours

    def _marked(self, batch: Batch) -> Claim | None:
        return self._by_mark.get(frozenset(mark_of(batch).items()))

    def _named(self, file: File) -> Claim | None:
        _, task, rest = file.filename.rpartition(f".{self._task.identity.key}.")
        return self._by_suffix.get(task + rest) if task else None

    def _files_of(self, bare: list[Batch], listed: list[Batch]) -> dict[str | None, Claim]:
        """The input files of these claims, among those of batches without metadata."""
        try:
            return {file.id: claim for file in self._hook.list_files() if (claim := self._named(file))}
        except GroqError as error:
            if any(batch.metadata for batch in listed):
                # The server keeps metadata, so a batch without any is nobody's who always sends some.
                log.info(
                    "The files could not be listed: %s Batches without metadata are assumed to belong to other tasks.",
                    error,
                )
                return {}
            used = sorted({batch.input_file_id for batch in bare if batch.input_file_id})
            if len(used) > MAX_FILES * len(self._by_mark):
                raise _failed(error) from error
        return {file_id: claim for file_id in used if (claim := self._named_singly(file_id))}

    def _named_singly(self, file_id: str) -> Claim | None:
        try:
            return self._named(self._hook.get_file(file_id))
        except GroqError as error:
            raise _failed(error) from error

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
                raise _not_known("Groq's listing announces another page, but returns the same page again")
            batches = [*page.data, *_unreadable(page.left_out)]
            recent = [batch for batch in batches if made_since(batch, since)]
            yield from recent
            # Not all gateways list strictly by age, so only a page without anything recent ends it.
            if any(batch.created_at for batch in batches) and not any(batch.created_at for batch in recent):
                return
            if number == self._max_pages and (page.next_cursor or page.has_more):
                raise _not_known(f"{number} pages of Groq's listing do not reach back to the start of its run")

    def _tell_of_others(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            # One that is one of many is known to the others of its kind.
            foreign = self._task.marks_task(batch) and not self._marked(batch)
            if foreign and ROUND_KEY not in batch.metadata and not batch.terminal:
                log.warning(
                    "%s It belongs to this task, but to another input, so it keeps running at Groq. Cancel it if "
                    "you do not need it.",
                    describe(batch),
                )


def _unreadable(items: Iterable[Any]) -> Iterator[Batch]:
    for item in items:
        if isinstance(item, dict):
            name = one_line(as_text(item.get("id") or ""), 100) or "without an id"
            yield _Unreadable.model_validate(item | {"id": name, "status": "unreadable"})


def _check_readable(ours: Iterable[Batch]) -> None:
    """Check that none of the batches is one that cannot be read."""
    for batch in ours:
        if isinstance(batch, _Unreadable):
            raise _not_known(
                f"the listing has batch {batch.id}, which may be this task's, but its id or status is unreadable"
            )


def _failed(error: GroqError) -> GroqLookupError:
    return GroqLookupError(
        f"Could not look up whether this task already has a batch: {error} {WAY_OUT}", retryable=error.retryable
    )


def _not_known(why: str) -> GroqLookupError:
    return GroqLookupError(f"It is unknown whether this task already has a batch: {why}. {WAY_OUT}")
