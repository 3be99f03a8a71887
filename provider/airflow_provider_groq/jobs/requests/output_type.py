"""``output_type``: what answers must be, as models get it, and as answers are checked.

pydantic and jsonschema are loaded when an output type is given, not before: most Dags give none.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_groq.api.text import without_surrogates
from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.records import InvalidOutput
from airflow_provider_groq.jobs.requests.form import for_model
from airflow_provider_groq.jobs.requests.problems import RowProblem
from airflow_provider_groq.jobs.requests.strict_schema import WRAPPED, drop_nulls, is_object, strict_form
from airflow_provider_groq.jobs.requests.values import plain

FENCE = re.compile(r"\s*```(?:json|JSON)?[ \t]*\n(.*)\n[ \t]*```\s*", re.DOTALL)
"""Markdown around the whole answer, which models that cannot be held to a schema add at times."""

MAX_DEPTH = 200
"""How deep an answer may be nested: it is checked, written and read by code that calls itself for each level."""


@dataclass(frozen=True)
class OutputType:
    """What the answers of a job must be.

    Attributes:
        schema: The JSON schema of an answer, as it was given.
        strict_schema: The same in the form that models are held to. Other types are the ``value`` of an object.
    """

    schema: Mapping[str, Any]
    strict_schema: Mapping[str, Any]
    _check: Callable[[str], Any]

    @classmethod
    def of(cls, value: Any) -> OutputType:
        """Create one from the argument of a Dag.

        Args:
            value: A JSON schema as a dict, or what pydantic makes a ``TypeAdapter`` of: a model, a dataclass, a
                ``TypedDict``, ``list[str]``, a ``Literal``.

        Raises:
            GroqInputError: It has no schema, or one that has no strict form; names the place.
        """
        schema, check = _of_schema(value) if isinstance(value, Mapping) else _of_type(value)
        return cls(schema, strict_form(schema), check)

    def response_format(self, model: str | None) -> dict[str, Any]:
        """What a request to a model says of the answer; without one, what `for_model` makes it of."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", str(self.schema.get("title", "")))[:64].strip("_") or "output"
        form = {"type": "json_schema", "json_schema": {"name": name, "schema": dict(self.strict_schema)}}
        return dict(for_model(form, model))

    def validate(self, text: str) -> Any:
        """The value of an answer, as JSON has it.

        Args:
            text: The answer.

        Raises:
            InvalidOutput: It does not fit.
        """
        return self._check(json.dumps(self.read(text)))

    def read(self, text: str) -> Any:
        """The value in an answer, to be checked against the schema.

        A null for a field that has a default stands for the default, and is left out. Other types than
        objects come out of its ``value``.

        Args:
            text: The answer.

        Raises:
            InvalidOutput: It is not JSON, or does not have the form that models get.
        """
        if fenced := FENCE.fullmatch(text):
            text = fenced[1]
        try:
            value = _loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidOutput(f"is not JSON: {error}") from None
        if _is_too_deep(text, value):
            raise InvalidOutput(f"is nested more than {MAX_DEPTH} deep")
        if not is_object(self.schema):
            if not isinstance(value, dict) or value.keys() != {WRAPPED}:
                raise InvalidOutput(f"is {shown(value)}, but must be an object that holds only {WRAPPED!r}")
            value = value[WRAPPED]
        return drop_nulls(value, self.schema, self.schema)


def _loads(text: str) -> Any:
    """The value of an answer; a lone surrogate becomes U+FFFD, as in answers that are text."""
    value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    return json.loads(without_surrogates(json.dumps(value, ensure_ascii=False))) if "\\u" in text else value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    """The number that digits stand for, if there is one: for ``1e999`` Python has only infinity."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large a number")
    return number


def _is_too_deep(text: str, value: Any) -> bool:
    """Whether a value, which a text stands for, is nested deeper than `MAX_DEPTH`."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    holders = [value]
    for _ in range(MAX_DEPTH):
        holders = [item for holder in holders for item in _held(holder) if isinstance(item, (dict, list))]
    return bool(holders)


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _of_schema(value: Mapping[str, Any]) -> tuple[dict[str, Any], Callable[[str], Any]]:
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - see above
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415

    schema = dict(value)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        json.dumps(schema, allow_nan=False)
        kind.check_schema(schema)
    except SchemaError as error:
        raise GroqInputError(f"output_type is not a JSON schema: at {error.json_path}, {error.message}.") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise GroqInputError(f"output_type is a dict, but not a JSON schema: {error}.") from None
    validator = kind(schema)

    def check(text: str) -> Any:
        answer = json.loads(text)
        if wrong := best_match(validator.iter_errors(answer)):
            raise InvalidOutput(f"{wrong.json_path}: {wrong.message}")
        return answer

    return schema, check


def _of_type(value: Any) -> tuple[dict[str, Any], Callable[[str], Any]]:
    from pydantic import PydanticUserError, TypeAdapter, ValidationError  # noqa: PLC0415 - see above

    if value is None or isinstance(value, (str, bytes)) or inspect.isroutine(value):
        raise GroqInputError(f"output_type must be a type or a JSON schema, but is {shown(value)}.")
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(value)
        schema = adapter.json_schema()
    except (PydanticUserError, NameError, TypeError) as error:
        problem = str(error).partition("\n")[0]
        raise GroqInputError(f"output_type {shown(value)} has no JSON schema: {problem}") from error

    def check(text: str) -> Any:
        try:
            return plain(adapter.dump_python(adapter.validate_json(text), mode="json", warnings=False), "the value")
        except ValidationError as error:
            raise InvalidOutput(_said(error)) from None
        except RowProblem as problem:
            raise InvalidOutput(str(problem)) from None
        except Exception as error:
            # A validator of the user's, or the writing of what it made: an answer that it does not expect.
            raise InvalidOutput(f"{type(error).__name__}: {error}") from error

    return schema, check


def _said(error: Any) -> str:
    """The first of pydantic's findings, in a line."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(map(str, first["loc"]))
    more = f" (and {len(others)} more)" if others else ""
    return f"{place}: {first['msg']}{more}" if place else f"{first['msg']}{more}"
