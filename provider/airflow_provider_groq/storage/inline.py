"""Requests written into a Dag, or handed over by another task."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions._internal.mixins import ResolveMixin

from airflow_provider_groq.exceptions import GroqInputError

if TYPE_CHECKING:
    from airflow.sdk import Context

LEAVES = frozenset({str, int, float, bool, type(None)})
"""The types of most values, which hold nothing."""

LISTS = (list, tuple, deque)


def is_unrendered(value: Any) -> bool:
    """Whether an argument has its value only when the task runs: Jinja renders it, or another task returns it."""
    return isinstance(value, ResolveMixin) or (isinstance(value, str) and ("{{" in value or "{%" in value))


class InlineRequests(ResolveMixin):
    """Holds requests so that Airflow neither renders nor stores them.

    A prompt may hold ``{{`` or ``{%``, and there may be many: as a template field, Airflow would run
    them through Jinja and copy them into its database. This takes the field's place. What another
    task hands over (an ``XComArg``), all of them or a part of one, still makes that task run first, and
    is fetched only when used.

    Args:
        value: The requests, or an ``XComArg`` of them, or a callable that gives them when the task runs.
        argument: What the operator calls them.

    Raises:
        GroqInputError: It is text, or can be read only once.
    """

    def __init__(self, value: Any, *, argument: str = "requests") -> None:
        if isinstance(value, Iterator):
            raise GroqInputError(
                f"{argument} is a {type(value).__name__}, which can be read only once, but a task may be "
                "retried: pass a list, another task's output, or a callable that returns them."
            )
        if isinstance(value, (str, bytes)):
            raise GroqInputError(
                f"{argument} is text, which Jinja never renders, so that prompts stay unchanged. Pass a task's "
                f"output itself, such as make_{argument}.output, or a list."
            )
        self._value = value
        self._argument = argument
        self._context: Context | None = None

    def iter_references(self) -> Iterable[tuple[Any, str]]:
        """The tasks whose output this needs."""
        return iter(self._references)

    def resolve(self, context: Context) -> InlineRequests:
        """Take the place of the rendered value; called by Airflow."""
        self._context = context
        return self

    def rows(self) -> Any:
        """The requests themselves, with what other tasks have returned in its place.

        Raises:
            GroqInputError: One of those tasks has returned nothing.
        """
        if not self._outputs:
            return self._value() if callable(self._value) else self._value
        if self._context is None:
            raise RuntimeError(f"the {self._argument} come from another task, but this one is not being run")
        results = _Results(self._context, self._argument)
        if isinstance(self._value, ResolveMixin):
            return results.of(self._value)
        # One by one: together they may be large.
        return (results.put_into(row) for row in self._value)

    @cached_property
    def _outputs(self) -> list[ResolveMixin]:
        # Once: Airflow asks for the references several times while it reads a Dag, and there may be many requests.
        return list(_outputs_in(self._value))

    @cached_property
    def _references(self) -> list[tuple[Any, str]]:
        references = (reference for output in self._outputs for reference in output.iter_references())
        return list({(id(operator), key): (operator, key) for operator, key in references}.values())

    def __repr__(self) -> str:
        if isinstance(self._value, ResolveMixin):
            return f"<{self._argument} from {_named(self._value)}>"
        try:
            number = len(self._value)
        except TypeError:
            return f"<{self._argument}>"
        return f"<{number:,} {self._argument.removesuffix('s') if number == 1 else self._argument}>"


class _Results:
    """What the tasks have returned whose outputs are in the requests; each is fetched once."""

    def __init__(self, context: Context, argument: str) -> None:
        self._context = context
        self._argument = argument
        self._known: dict[tuple[int, str], Any] = {}

    def of(self, output: ResolveMixin) -> Any:
        """What one output stands for."""
        # The same output is another object wherever a Dag says task.output.
        key = (id(getattr(output, "operator", output)), str(getattr(output, "key", "")))
        if key not in self._known:
            self._known[key] = output.resolve(self._context)
        if self._known[key] is None:
            raise GroqInputError(
                f"{self._argument} is the output of {_named(output)}, which is empty: was that task skipped, or did it "
                "return None?"
            )
        return self._known[key]

    def put_into(self, value: Any) -> Any:
        """The value with results in the place of outputs, in a copy."""
        if isinstance(value, ResolveMixin):
            return _plain(self.of(value))
        if isinstance(value, Mapping):
            return {key: self.put_into(item) for key, item in value.items()}
        if isinstance(value, LISTS):
            return [self.put_into(item) for item in value]
        return value


def _outputs_in(value: Any) -> Iterator[ResolveMixin]:
    """All outputs of tasks in a value, however deep."""
    seen: set[int] = set()
    rest = [value]
    while rest:
        item = rest.pop()
        items: Iterable[Any] = ()
        # The commonest first: a large Dag has a quarter of a million of these.
        if type(item) is dict:
            items = item.values()
        elif isinstance(item, LISTS):
            items = item
        elif isinstance(item, ResolveMixin):
            yield item
        elif isinstance(item, Mapping):
            items = item.values()
        if items and id(item) not in seen:
            seen.add(id(item))
            rest.extend(inner for inner in items if type(inner) not in LEAVES)


def _plain(value: Any) -> Any:
    """A list in the place of the lazy ones that Airflow makes of mapped tasks, which JSON does not know."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, *LISTS)):
        return [_plain(item) for item in value]
    return value


def _named(output: ResolveMixin) -> str:
    tasks = dict.fromkeys(operator.task_id for operator, _ in output.iter_references())
    return ", ".join(tasks) or repr(output)
