"""Objects of which one field in an odd form does not make the rest unreadable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from airflow_provider_groq.api.text import one_line

log = logging.getLogger(__name__)

MAX_SAID = 1_000
"""How many warnings are remembered, not to be said again."""

FORMS: Mapping[type, str] = {str: "text", list: "a list", dict: "an object", bool: "true or false"}

_said: set[tuple[str, ...]] = set()


def warn_once(about: tuple[str, ...], message: str, *args: object) -> None:
    """Warn once per process: a wait reads the same batch thousands of times.

    Args:
        about: What is the same.
        message: For the log.
        args: The message's arguments.
    """
    if about in _said:
        return
    if len(_said) >= MAX_SAID:
        _said.clear()
    _said.add(about)
    log.warning(message, *args)


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Marks a field that is read in another way where the usual one fails.

    Attributes:
        read: Gives a value that the field takes, or None if this is none either.
        whole: Whether that value is all that was sent; if not, a warning says so.
    """

    read: Callable[[Any], Any]
    whole: bool = True


class Model(BaseModel):
    """Base of the models of Groq's responses: immutable, and unknown fields are kept."""

    # Built when first used: the file of a Dag that only names an operator should not wait for it.
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class Tolerant(Model):
    """One that needs its required fields only. Any other that cannot be read is as if it had not been sent.

    A warning says so, once a process for each field and form.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _without_what_cannot_be_read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            if not isinstance(value, dict):
                raise
            kept = cls._without(value, error)
        try:
            return handler(kept)
        except ValidationError as error:
            return handler(cls._without(kept, error, otherwise=False))

    @classmethod
    def _without(cls, value: dict[str, Any], error: ValidationError, *, otherwise: bool = True) -> dict[str, Any]:
        wrong = {str(each["loc"][0]) for each in error.errors(include_url=False, include_input=False)}
        kept = dict(value)
        for name, field in cls.model_fields.items():
            if name in wrong and not field.is_required():
                marks = [mark for mark in field.metadata if isinstance(mark, Otherwise)]
                cls._read_otherwise(kept, name, marks[0] if marks and otherwise else None)
        return kept

    @classmethod
    def _read_otherwise(cls, kept: dict[str, Any], name: str, otherwise: Otherwise | None) -> None:
        value = kept.pop(name)
        read = otherwise.read(value) if otherwise else None
        if read is not None:
            kept[name] = read
        if not value or (read is not None and otherwise and otherwise.whole):
            return
        form = FORMS.get(type(value), "a number")
        batch_or_file = one_line(str(kept.get("id", "")), 100)
        warn_once(
            (cls.__name__, name, form),
            "%s %s: its %s is %s, which %s. Similar values are not reported again.",
            cls.__name__,
            batch_or_file,
            name,
            form,
            "is unreadable and ignored" if read is None else "is only partly readable; the rest is ignored",
        )
