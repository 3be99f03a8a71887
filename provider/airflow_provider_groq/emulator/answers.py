"""The answers to a batch's requests: what tests script, else the same answer to the same request on every run."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from http import HTTPStatus
from typing import Any, NamedTuple

from airflow_provider_groq.emulator.completions import completion, user_text
from airflow_provider_groq.emulator.errors import error_body
from airflow_provider_groq.emulator.failures import Failure, failure_of
from airflow_provider_groq.emulator.flaws import FLAWS, LENGTH, LINE_LOST, LINE_MISSING, OF_LINES, flawed
from airflow_provider_groq.emulator.functions import Ask, FunctionError, asking
from airflow_provider_groq.emulator.json_lines import as_text, canonical
from airflow_provider_groq.emulator.refusals import CHAT, Refusals
from airflow_provider_groq.emulator.schema import SchemaAnswer
from airflow_provider_groq.emulator.scripts import (
    BODY,
    ERROR,
    SEQUENCE,
    STATUS,
    Failing,
    Patterns,
    Sightings,
    content_of,
    special,
)
from airflow_provider_groq.emulator.settings import Settings
from airflow_provider_groq.emulator.transcripts import transcript
from airflow_provider_groq.emulator.validation import ANSWERED, FAILED, LOST, MISSING, Request

ECHOED_CHARS = 300
DIGEST_BYTES = 16
ENDS = {LINE_MISSING: MISSING, LINE_LOST: LOST}

Body = dict[str, Any]


class Outcome(NamedTuple):
    """What a request ends with: a response, or with status 0 only an error body; and what is wrong with its line."""

    status: int
    body: Any
    flaw: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it belongs into the error file."""
        return self.status != HTTPStatus.OK


class _Decision(NamedTuple):
    """How a request is to end: with an outcome that is known, with a failure, or with an answer that may have a flaw.

    `script` is the answer to give; None for the usual one.
    """

    outcome: Outcome | None = None
    failure: Failure | None = None
    script: Any = None
    flaw: str | None = None

    @property
    def end(self) -> int:
        """How the request ends, as a `Scan` has it."""
        if self.failure is not None or (self.outcome is not None and self.outcome.failed):
            return FAILED
        return ANSWERED if self.flaw is None else ENDS.get(self.flaw, ANSWERED)


_USUAL = _Decision()


class Answers:
    """Answers the requests of one batch, under the settings that it was created with.

    Args:
        settings: The settings.
        sightings: What counts how often a `custom_id` was seen, over all batches, by the setting that wants it.
    """

    def __init__(self, settings: Settings, sightings: Mapping[str, Sightings]) -> None:
        self._refusals = Refusals(settings.models)
        self._min_chars = settings.answer_chars
        self._failing = Patterns(settings.failing_requests)
        self._scripted = Patterns(settings.answers)
        self._function = settings.answer_function
        self._unscripted = not (settings.failing_requests or settings.answers or settings.answer_function)
        self._sightings = dict(sightings)
        # What is found out only once: how often an id was seen, and what the function says.
        self._wanted: dict[str, int | str | None] = {}
        self._scripts: dict[str, Any] = {}

    @contextmanager
    def deciding(self) -> Iterator[Callable[[Request], int]]:
        """Yield what decides about each valid request, once and in order, and says how it ends."""
        with asking(self._function) if self._function else nullcontext() as ask:
            yield lambda request: self._decide(request, ask)

    def _decide(self, request: Request, ask: Ask | None) -> int:
        if not self._unscripted:
            self._count(request["custom_id"])
            if ask is not None and self._refusals.of(request) is None:
                self._ask(request, ask)
        return self._decision(request).end

    def _count(self, custom_id: str) -> None:
        """Settle what depends on how often an id was seen."""
        value = self._failing.get(custom_id)
        failing = Failing.read(value) if value is not None else None
        if failing and failing.times is not None:
            over = self._sightings["failing_requests"].count(custom_id) > failing.times
            self._wanted[custom_id] = None if over else failing.error
        script = self._scripted.get(custom_id)
        if isinstance(script, dict) and SEQUENCE in script:
            turns = script[SEQUENCE]
            seen = self._sightings["answers"].count(custom_id)
            self._scripts[custom_id] = turns[min(seen, len(turns)) - 1]

    def _ask(self, request: Request, ask: Ask) -> None:
        try:
            script = ask(request)
        except FunctionError as error:
            failed = error_body(str(error), "answer_function_failed", kind="internal_server_error")
            script = {BODY: failed, STATUS: 500}
        if script is not None:
            self._scripts[request["custom_id"]] = script

    def outcome(self, request: Request, end: int, request_id: str, created: int) -> Outcome:
        """Return what a valid request ends with.

        Args:
            request: The request, about which `deciding` has decided.
            end: What that decided.
            request_id: Its id.
            created: When it is answered (Unix seconds).
        """
        if self._unscripted and end == ANSWERED:
            return Outcome(200, self._answer(request, None, None, request_id, created))
        known, failure, script, flaw = self._decision(request)
        if known is not None:
            return known
        if failure is not None:
            return self._failed(request, failure, script)
        body = self._answer(request, script, flaw, request_id, created)
        return Outcome(200, body, flaw if flaw in OF_LINES else None)

    def _decision(self, request: Request) -> _Decision:
        if self._unscripted:
            refusal = self._refusals.of(request)
            return _USUAL if refusal is None else _Decision(Outcome(*refusal))
        custom_id = request["custom_id"]
        script = self._scripts[custom_id] if custom_id in self._scripts else self._scripted.get(custom_id)
        said = special(script)
        content = None if said else script
        wanted = self._failure_wanted(custom_id)
        if wanted is not None and wanted not in FLAWS:
            return _Decision(failure=failure_of(wanted), script=content)
        refusal = self._refusals.of(request)
        if refusal is not None:
            return _Decision(Outcome(*refusal))
        if BODY in said:
            return _Decision(Outcome(said.get(STATUS, HTTPStatus.OK), said[BODY]))
        wanted = said.get(ERROR, wanted)
        if wanted is not None and wanted not in FLAWS:
            return _Decision(failure=failure_of(wanted))
        return _Decision(script=content, flaw=wanted)

    def _failure_wanted(self, custom_id: str) -> int | str | None:
        if custom_id in self._wanted:
            return self._wanted[custom_id]
        value = self._failing.get(custom_id)
        return None if value is None else Failing.read(value).error

    def _failed(self, request: Request, failure: Failure, script: Any) -> Outcome:
        body = request["body"]
        generated = ""
        if request["url"] == CHAT and isinstance(body.get("messages"), list):
            generated = self._content(body, script, user_text(body["messages"]), _digest(body))
        return Outcome(failure.status, failure.body(body["model"], generated))

    def _answer(self, request: Request, script: Any, flaw: str | None, request_id: str, created: int) -> object:
        body = request["body"]
        if request["url"] != CHAT:
            said = None if script is None else content_of(script)
            return transcript(request["url"], body, said, request_id)
        digest, text = _digest(body), user_text(body["messages"])
        content = self._content(body, script, text, digest)
        reason = "stop"
        if flaw is not None:
            content = flawed(content, flaw)
            reason = LENGTH if flaw == LENGTH else reason
        return completion(body, content, text, digest, request_id=request_id, created=created, finish_reason=reason)

    def _content(self, body: Body, script: Any, text: str, digest: bytes) -> str:
        if script is not None:
            return content_of(script)
        sentence = f"Emulated answer to: {text[:ECHOED_CHARS]}"
        wanted = body.get("response_format")
        if isinstance(wanted, dict):
            if wanted.get("type") == "json_schema":
                named = wanted.get("json_schema")
                schema = named.get("schema") if isinstance(named, dict) else None
                return as_text(SchemaAnswer(schema, text, digest).value())
            if wanted.get("type") == "json_object":
                return as_text({"answer": sentence})
        if len(sentence) < self._min_chars:
            sentence = f"{sentence} " * (self._min_chars // len(sentence) + 1)
            return sentence[: self._min_chars]
        return sentence


def _digest(body: Body) -> bytes:
    return hashlib.sha256(canonical(body)).digest()[:DIGEST_BYTES]
