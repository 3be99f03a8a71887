"""The answers to a batch's requests: what tests script, else the same answer to the same request on every run."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from airflow_provider_groq.emulator.completions import completion, user_text
from airflow_provider_groq.emulator.errors import error_body
from airflow_provider_groq.emulator.failures import LENGTH, Failure, failure_of
from airflow_provider_groq.emulator.functions import Ask, FunctionError, asking
from airflow_provider_groq.emulator.schema import SchemaAnswer
from airflow_provider_groq.emulator.scripts import (
    BODY,
    ERROR,
    STATUS,
    Failing,
    Patterns,
    Sightings,
    content_of,
    special,
)
from airflow_provider_groq.emulator.settings import Settings
from airflow_provider_groq.emulator.validation import Request

CHAT = "/v1/chat/completions"
ECHOED_CHARS = 300

Body = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a request ends with: a response, or with status 0 only an error body."""

    status: int
    body: Body

    @property
    def failed(self) -> bool:
        """Whether it belongs into the error file."""
        return self.status != HTTPStatus.OK


@dataclass(frozen=True)
class _Decision:
    """How a request is to end: with an outcome that is known, with a failure, or with an answer.

    `script` is what it is to say; None for the usual.
    """

    outcome: Outcome | None = None
    failure: Failure | None = None
    script: Any = None
    cut_off: bool = False


class Answers:
    """Answers the requests of one batch, under the settings that it was created with.

    Args:
        settings: The settings.
        sightings: What counts how often a `custom_id` was seen, over all batches.
    """

    def __init__(self, settings: Settings, sightings: Sightings) -> None:
        self._models = frozenset(settings.models)
        self._min_chars = settings.answer_chars
        self._failing = Patterns(settings.failing_requests)
        self._scripted = Patterns(settings.answers)
        self._function = settings.answer_function
        self._sightings = sightings
        # What is found out only once: how often an id was seen, and what the function says.
        self._wanted: dict[str, int | str | None] = {}
        self._scripts: dict[str, Any] = {}

    @contextmanager
    def deciding(self) -> Iterator[Callable[[Request], bool]]:
        """Yield what decides about each valid request, once and in order, and says whether it fails."""
        with asking(self._function) if self._function else nullcontext() as ask:
            yield lambda request: self._decide(request, ask)

    def _decide(self, request: Request, ask: Ask | None) -> bool:
        custom_id = request["custom_id"]
        value = self._failing.get(custom_id)
        failing = Failing.read(value) if value is not None else None
        if failing and failing.times is not None:
            over = self._sightings.count(custom_id) > failing.times
            self._wanted[custom_id] = None if over else failing.error
        if ask is not None and self._refusal(request) is None:
            try:
                script = ask(request)
            except FunctionError as error:
                failed = error_body(str(error), "answer_function_failed", kind="internal_server_error")
                script = {BODY: failed, STATUS: 500}
            if script is not None:
                self._scripts[custom_id] = script
        decision = self._decision(request)
        return decision.failure is not None or (decision.outcome is not None and decision.outcome.failed)

    def outcome(self, request: Request, request_id: str, created: int) -> Outcome:
        """Return what a valid request ends with.

        Args:
            request: The request, about which `deciding` has decided.
            request_id: Its id.
            created: When it is answered (Unix seconds).
        """
        decision = self._decision(request)
        if decision.outcome is not None:
            return decision.outcome
        if decision.failure is not None:
            return self._failed(request, decision.failure, decision.script)
        return Outcome(HTTPStatus.OK, self._answer(request, decision, request_id, created))

    def _decision(self, request: Request) -> _Decision:
        custom_id = request["custom_id"]
        script = self._scripts[custom_id] if custom_id in self._scripts else self._scripted.get(custom_id)
        said = special(script)
        content = None if said else script
        wanted = self._failure_wanted(custom_id)
        if wanted not in {None, LENGTH}:
            return _Decision(failure=failure_of(wanted), script=content)
        refusal = self._refusal(request)
        if refusal is not None:
            return _Decision(refusal)
        if BODY in said:
            return _Decision(Outcome(said.get(STATUS, HTTPStatus.OK), said[BODY]))
        wanted = said.get(ERROR, wanted)
        if wanted not in {None, LENGTH}:
            return _Decision(failure=failure_of(wanted))
        return _Decision(script=content, cut_off=wanted == LENGTH)

    def _failure_wanted(self, custom_id: str) -> int | str | None:
        if custom_id in self._wanted:
            return self._wanted[custom_id]
        value = self._failing.get(custom_id)
        return None if value is None else Failing.read(value).error

    def _failed(self, request: Request, failure: Failure, script: Any) -> Outcome:
        body = request["body"]
        chat = request["url"] == CHAT and isinstance(body.get("messages"), list)
        generated = self._content(body, script, _digest(body)) if chat else ""
        return Outcome(failure.status, failure.body(body["model"], generated))

    def _refusal(self, request: Request) -> Outcome | None:
        """Return why Groq would refuse a valid line, or None."""
        body = request["body"]
        model = body["model"]
        if model not in self._models:
            failure = failure_of("model_not_found")
            return Outcome(failure.status, failure.body(model, ""))
        chat = request["url"] == CHAT
        if chat is _is_for_audio(model):
            kind = "chat completions" if chat else "audio"
            return Outcome(400, error_body(f"The model `{model}` does not support {kind}"))
        if chat and not (isinstance(body.get("messages"), list) and body["messages"]):
            return Outcome(400, error_body("'messages' : property 'messages' is missing", param="messages"))
        if not chat and not (isinstance(body.get("url"), str) and body["url"]):
            return Outcome(400, error_body("one of `file` or `url` must be provided", param="url"))
        return None

    def _answer(self, request: Request, decision: _Decision, request_id: str, created: int) -> Body:
        body, script = request["body"], decision.script
        if request["url"] != CHAT:
            text = _transcript(request["url"], body["url"]) if script is None else content_of(script)
            return {"text": text, "x_groq": {"id": request_id}}
        digest = _digest(body)
        content = self._content(body, script, digest)
        return completion(body, content, digest, request_id=request_id, created=created, cut_off=decision.cut_off)

    def _content(self, body: Body, script: Any, digest: bytes) -> str:
        if script is not None:
            return content_of(script)
        text = user_text(body["messages"])
        wanted = body.get("response_format")
        wanted = wanted if isinstance(wanted, dict) else {}
        kind = wanted.get("type")
        sentence = f"Emulated answer to: {text[:ECHOED_CHARS]}"
        if kind == "json_schema":
            named = wanted.get("json_schema")
            schema = named.get("schema") if isinstance(named, dict) else None
            return json.dumps(SchemaAnswer(schema, text, digest).value(), ensure_ascii=False)
        if kind == "json_object":
            return json.dumps({"answer": sentence}, ensure_ascii=False)
        if len(sentence) < self._min_chars:
            sentence = f"{sentence} " * (self._min_chars // len(sentence) + 1)
            return sentence[: self._min_chars]
        return sentence


def _digest(body: Body) -> bytes:
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).digest()


def _is_for_audio(model: str) -> bool:
    return "whisper" in model


def _transcript(endpoint: str, url: str) -> str:
    done = "translation" if endpoint.endswith("translations") else "transcript"
    return f"Emulated {done} of {url}"
