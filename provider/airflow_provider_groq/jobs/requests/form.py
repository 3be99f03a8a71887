"""What the requests of a job have in common. Loaded where a Dag is parsed, so it imports little."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_groq.batches.options import ENDPOINTS, shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.template import Template

CHAT, *AUDIO = ENDPOINTS

ASKS = ("prompt", "messages", "body", "audio_url")
"""The keys of a row that say what is asked; it has exactly one of them."""

BESIDE = ("system_prompt", "endpoint", "request")
"""What else a row may say of its request."""

ELSEWHERE = {
    "stream": "a batch cannot stream: remove it",
    "messages": "the prompt comes from the rows: set prompt_template, or rows with prompt or messages",
    "url": "the recording comes from the rows: rows with audio_url",
    "file": "the recording comes from the rows: rows with audio_url",
    "custom_id": "it comes from the rows: set id_column, or rows with custom_id",
}
"""The parameters of a body that neither ``params`` nor a row's ``request`` may set."""

STRICT_MODELS = frozenset({"openai/gpt-oss-20b", "openai/gpt-oss-120b"})
"""The models that can be held to a schema: https://console.groq.com/docs/structured-outputs."""


@dataclass(frozen=True)
class RequestForm:
    """What holds for all rows that say nothing else.

    Attributes:
        model: The model that is asked; None if each row names one.
        endpoint: One of Groq's endpoints for batches.
        system_prompt: Goes before the messages of each row that has no message of the system.
        prompt_template: Makes a prompt of the columns of a row, as ``str.format`` does. Without it, a row says itself
            what is asked.
        columns: The names of the values in rows that are tuples.
        id_column: The column that holds the ``custom_id``, if it has another name.
        params: Parameters of the body, such as ``temperature``.
        response_format: That of an output type, for requests to the chat endpoint.
        output_schema: The schema of that type. It is not part of requests, but of their digests: an answer that was
            checked against it does not answer a request whose answer is not, or is checked against another.

    Raises:
        GroqInputError: One of them is wrong.
    """

    model: str | None = None
    endpoint: str = CHAT
    system_prompt: str | None = None
    prompt_template: str | None = None
    columns: Sequence[str] | None = None
    id_column: str | None = None
    params: Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.model is not None:
            _check_text("model", self.model)
        if self.endpoint not in ENDPOINTS:
            raise GroqInputError(f"endpoint is {shown(self.endpoint)}, but must be one of {', '.join(ENDPOINTS)}.")
        for name in ("system_prompt", "id_column"):
            if (value := getattr(self, name)) is not None:
                _check_text(name, value)
        if self.columns is not None:
            _check_columns(self.columns)
        if self.params is not None:
            _check_params(self.params)
        if self.response_format is not None and not isinstance(self.response_format, Mapping):
            raise GroqInputError(f"response_format must be a dict, but is {shown(self.response_format)}.")
        self._check_together()

    @cached_property
    def template(self) -> Template | None:
        """The prompt template, ready to be filled."""
        return None if self.prompt_template is None else Template(self.prompt_template)

    @property
    def digest_salt(self) -> bytes:
        """What goes before each request where its digest is made."""
        if self.output_schema is None:
            return b""
        return json.dumps(self.output_schema, sort_keys=True).encode()

    def _check_together(self) -> None:
        """Check what one argument means for another."""
        for name in ("prompt_template", "response_format"):
            if self.endpoint != CHAT and getattr(self, name) is not None:
                argument = "output_type" if name == "response_format" else name
                raise GroqInputError(
                    f"{argument} is for {CHAT}, but endpoint is {self.endpoint}, which takes no prompt."
                )
        if self.prompt_template is not None and self.model is None:
            raise GroqInputError("prompt_template needs model: beside a template, rows name no model of their own.")
        if self.response_format is not None and "response_format" in (self.params or ()):
            raise GroqInputError("request_params sets response_format, and so does output_type: leave one of them out.")
        if self.template is None and self.id_column in {*ASKS, *BESIDE}:
            raise GroqInputError(f"id_column is {self.id_column!r}, which means something else in rows.")
        if self.columns is None:
            return
        needed = dict.fromkeys(self.template.columns if self.template else (), "prompt_template")
        if self.id_column is not None:
            needed[self.id_column] = "id_column"
        for name, argument in needed.items():
            if name not in self.columns:
                raise GroqInputError(
                    f"{argument} names the column {name!r}, but columns has only {', '.join(self.columns)}."
                )


def check_names(argument: str, names: Mapping[str, Any]) -> str | None:
    """Why parameters of a body may not be set there, for a message; None if they may."""
    for name in names:
        if not isinstance(name, str):
            return f"{argument} has the key {shown(name)}, but the names of parameters are text"
        if name in ELSEWHERE:
            return f"{argument} sets {name}, but {ELSEWHERE[name]}"
    return None


def check_params(argument: str, params: Any) -> None:
    """Check parameters of a body that a Dag names, before there are rows.

    Args:
        argument: What the operator calls them.
        params: The parameters by name.

    Raises:
        GroqInputError: They are no parameters, or none that may be set there.
    """
    if not isinstance(params, Mapping):
        raise GroqInputError(f"{argument} must be a dict of parameters of the body, but is {shown(params)}.")
    if wrong := check_names(argument, params):
        raise GroqInputError(f"{wrong}.")
    try:
        json.dumps(dict(params), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise GroqInputError(f"{argument} cannot be written as JSON: {error}.") from None


def for_model(response_format: Mapping[str, Any], model: str | None) -> Mapping[str, Any]:
    """The form of answers as a model takes it: strict where it can be held to a schema.

    Args:
        response_format: As a body has it. Only one with a schema differs between models.
        model: The model that the body names; None if it is not known yet.
    """
    schema = response_format.get("json_schema")
    if not isinstance(schema, Mapping):
        return response_format
    return {**response_format, "json_schema": {**schema, "strict": model in STRICT_MODELS}}


def _check_text(argument: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise GroqInputError(f"{argument} must be non-empty text, but is {shown(value)}.")


def _check_columns(columns: Any) -> None:
    if isinstance(columns, (str, bytes)) or not isinstance(columns, Sequence):
        raise GroqInputError(f"columns must be a list of the names of the columns, but is {shown(columns)}.")
    if not columns:
        raise GroqInputError("columns is empty, but must name each value of a row that is a tuple.")
    for number, name in enumerate(columns):
        _check_text(f"columns[{number}]", name)
        if name in columns[:number]:
            raise GroqInputError(f"columns has {name!r} twice.")


def _check_params(params: Any) -> None:
    check_params("request_params", params)
    if "model" in params:
        raise GroqInputError("request_params sets model: use the argument model instead.")
