"""The input files that earlier tries have uploaded, so that they are not uploaded again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import cached_property

from airflow_provider_groq.batches.identity import Claim
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.storage.inputs import Input
from airflow_provider_groq.submission.journal import Entry
from airflow_provider_groq.submission.lookup import Lookup

log = logging.getLogger(__name__)


class UploadedFiles:
    """Finds them: the one that is written down by its id, and many by one listing.

    Args:
        hook: Where.
        lookup: Lists them.
        stored: What earlier tries have written down.
        claims: The claims that want a file.
    """

    def __init__(self, hook: GroqHook, lookup: Lookup, stored: Mapping[Claim, Entry], claims: Iterable[Claim]) -> None:
        self._hook = hook
        self._lookup = lookup
        self._stored = stored
        self._many = len(list(claims)) > 1
        if self._many:
            self._listed  # noqa: B018 - once, before threads want it

    def find(self, claim: Claim, source: Input) -> str | None:
        """The id of the file that is the input of a claim, if it is there still."""
        if source.bytes is None:
            return None
        noted = self._stored.get(claim, {}).get("input_file_id")
        if noted and not self._many:
            return self._if_there(noted)
        sizes = self._listed.get(claim, {})
        return next((file_id for file_id, size in sizes.items() if size == source.bytes), None)

    @cached_property
    def _listed(self) -> Mapping[Claim, Mapping[str, int]]:
        return self._lookup.files()

    def _if_there(self, file_id: str) -> str | None:
        try:
            return self._hook.get_file(file_id).id
        except GroqNotFoundError:
            return None
        except GroqError as error:
            log.warning("Could not check whether file %s is still at Groq, so it is uploaded again: %s", file_id, error)
            return None
