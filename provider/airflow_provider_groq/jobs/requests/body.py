"""The body of a request: what the row says, over what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from airflow_provider_groq.batches import request_line
from airflow_provider_groq.batches.options import ENDPOINTS, shown
from airflow_provider_groq.jobs.requests.form import ASKS, AUDIO, CHAT, RequestForm, check_names, for_model
from airflow_provider_groq.jobs.requests.problems import RowProblem
from airflow_provider_groq.jobs.requests.values import encode, plain

REQUEST = frozenset({"custom_id", "method", "url", "body"})
"""A mapping with all of these is a request as Groq wants it."""

SYSTEM = frozenset({"system", "developer"})
"""The roles of messages that take the place of a system prompt."""


class BodyMaker:
    """Makes the bodies of requests.

    Args:
        form: What holds for rows that say nothing else.
    """

    def __init__(self, form: RequestForm) -> None:
        self._form = form
        self._params = plain(form.params or {}, "request_params")

    def around_prompt(self) -> tuple[bytes, bytes]:
        """The line of a row that asks by nothing but a prompt, behind its id: before the prompt, and after."""
        prompt = uuid4().hex
        before, after = self.rest(*self.body({"prompt": prompt, "endpoint": CHAT})).split(encode(prompt))
        return before, after

    def rest(self, endpoint: str, body: Mapping[str, Any]) -> bytes:
        """The line of a request, from behind its id on."""
        return b"".join((b',"method":"POST","url":', encode(endpoint), b',"body":', encode(body), b"}\n"))

    def check_whole(self, request: Mapping[str, Any]) -> None:
        """Check a request that a row has whole.

        Raises:
            RowProblem: Groq would not take it.
        """
        if wrong := request_line.problem(request):
            raise RowProblem(wrong)

    def body(self, said: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The endpoint of a request, and its body.

        Args:
            said: What the row says of its request. None says nothing.

        Raises:
            RowProblem: It says too much, too little, or something wrong.
        """
        said = {key: plain(value, key) for key, value in said.items() if value is not None}
        asks = [key for key in ASKS if key in said]
        if not asks:
            raise RowProblem(f"has no prompt: set prompt_template, or one of {', '.join(ASKS)} in the row")
        if len(asks) > 1:
            raise RowProblem(f"has both {asks[0]} and {asks[1]}, but only one of {', '.join(ASKS)} is allowed")
        endpoint = said.get("endpoint", self._form.endpoint)
        if endpoint not in ENDPOINTS:
            raise RowProblem(f"endpoint is {shown(endpoint)}, but must be one of {', '.join(ENDPOINTS)}")
        own = self._own(said)
        given = _mapping("body", said.get("body", {}))
        make = self._chat if endpoint == CHAT else self._audio
        body = make(asks[0], said, given, own)
        if body.get("stream"):
            raise RowProblem(f"body.stream is {shown(body['stream'])}, but a batch cannot stream: remove it")
        return endpoint, body

    def _own(self, said: Mapping[str, Any]) -> dict[str, Any]:
        own = _mapping("request", said.get("request", {}))
        if wrong := check_names("request", own):
            raise RowProblem(wrong)
        return own

    def _model(self, given: Mapping[str, Any], own: Mapping[str, Any]) -> str:
        model = {"model": self._form.model, **given, **own}["model"]
        if model is None:
            raise RowProblem(
                "names no model: set the argument model, or in the row request={'model': …} (or body.model)"
            )
        if not isinstance(model, str) or not model:
            raise RowProblem(f"names the model {shown(model)}, but it must be non-empty text")
        return model

    def _chat(self, ask: str, said: Mapping[str, Any], given: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
        if ask == "audio_url":
            raise RowProblem(f"has audio_url, but its endpoint is {CHAT}: set endpoint={AUDIO[0]!r} or {AUDIO[1]!r}")
        messages = said["messages"] if ask == "messages" else given.get("messages")
        if ask == "prompt":
            _check_text("prompt", said["prompt"])
            messages = [{"role": "user", "content": said["prompt"]}]
        messages = self._with_system(_checked(messages, ask), said)
        body = {"model": self._model(given, own), "messages": messages, **self._params}
        if self._form.response_format is not None:
            body["response_format"] = for_model(self._form.response_format, body["model"])
        return {**body, **given, "messages": messages, **own}

    def _with_system(self, messages: list[dict[str, Any]], said: Mapping[str, Any]) -> list[dict[str, Any]]:
        has_one = any(message["role"] in SYSTEM for message in messages)
        own = said.get("system_prompt")
        if own is not None:
            _check_text("system_prompt", own)
            if has_one:
                raise RowProblem("has a system_prompt, and a system message: remove one of them")
        prompt = own or self._form.system_prompt
        return messages if has_one or not prompt else [{"role": "system", "content": prompt}, *messages]

    def _audio(self, ask: str, said: Mapping[str, Any], given: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
        if ask not in {"audio_url", "body"}:
            raise RowProblem(
                f"has {ask}, but its endpoint is for audio: set audio_url, or the endpoint {CHAT}. For a hint "
                "to the transcription, set prompt in request"
            )
        if "system_prompt" in said:
            raise RowProblem("has a system_prompt, but its endpoint is one for audio")
        url = said.get("audio_url", given.get("url"))
        _check_text("audio_url" if ask == "audio_url" else "body.url", url)
        return {"url": url, "model": self._model(given, own), **self._params, **given, **own}


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RowProblem(f"{name} is {shown(value)}, but must be a mapping")
    return value


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise RowProblem(f"{name} is {shown(value)}, but must be non-empty text")


def _checked(messages: Any, ask: str) -> list[dict[str, Any]]:
    name = "messages" if ask == "messages" else "body.messages"
    if not isinstance(messages, list) or not messages:
        raise RowProblem(f"{name} is {shown(messages)}, but must be a list of messages, and not empty")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RowProblem(f"{name} has {shown(message)}, but a message is a mapping with a role and its content")
    return messages
