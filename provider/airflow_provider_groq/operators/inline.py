"""Requests written into a Dag, or handed over by another task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions._internal.mixins import ResolveMixin

from airflow_provider_groq.exceptions import GroqInputError

if TYPE_CHECKING:
    from airflow.sdk import Context


class InlineRequests(ResolveMixin):
    """Holds requests so that Airflow neither renders nor stores them.

    A prompt may hold ``{{`` or ``{%``, and there may be many: as a template field, Airflow would run
    them through Jinja and copy them into its database. This takes the field's place. What another
    task hands over (an ``XComArg``) still makes that task run first, and is fetched only when used.

    Args:
        value: The requests, or an ``XComArg`` of them.

    Raises:
        GroqInputError: It can be read only once.
    """

    def __init__(self, value: Any) -> None:
        if isinstance(value, Iterator):
            raise GroqInputError(
                f"requests is a {type(value).__name__}, which can be read only once, but a task may be run again: "
                "give a list, or let another task return one."
            )
        self._value = value
        self._context: Context | None = None

    def iter_references(self) -> Iterable[tuple[Any, str]]:
        """The tasks whose output this needs."""
        if isinstance(self._value, ResolveMixin):
            yield from self._value.iter_references()

    def resolve(self, context: Context) -> InlineRequests:
        """Take the place of the rendered value; called by Airflow."""
        self._context = context
        return self

    def rows(self) -> Any:
        """The requests themselves."""
        if isinstance(self._value, ResolveMixin):
            if self._context is None:
                raise RuntimeError("the requests come from another task, but this one is not being run")
            return self._value.resolve(self._context)
        return self._value

    def __repr__(self) -> str:
        if isinstance(self._value, ResolveMixin):
            return f"<requests from {self._value}>"
        try:
            return f"<{len(self._value):,} requests>"
        except TypeError:
            return "<requests>"
