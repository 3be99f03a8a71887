"""The answers to a batch's requests: the same answer to the same request, on every run."""

import fnmatch
import hashlib
import json
import re
import uuid
from typing import Any

from airflow_provider_groq.emulator.schema import SchemaAnswer
from airflow_provider_groq.emulator.settings import Settings
from airflow_provider_groq.emulator.validation import Request
from airflow_provider_groq.emulator.wire import error_body

CHAT = "/v1/chat/completions"
ECHOED_CHARS = 300
CHARS_PER_TOKEN = 4
PROMPT_TOKENS_PER_SECOND = 5500
COMPLETION_TOKENS_PER_SECOND = 750

Body = dict[str, Any]


class Answers:
    """Answers requests under the settings that a batch was created with.

    A refusal is a status code and an error body; status 0 stands for a request that got no response
    at all, where Groq fills in `error` instead.
    """

    def __init__(self, settings: Settings) -> None:
        self._models = frozenset(settings.models)
        self._min_chars = settings.answer_chars
        self._failing = [
            (re.compile(fnmatch.translate(pattern)), status) for pattern, status in settings.failing_requests.items()
        ]

    def refusal(self, request: Request) -> tuple[int, Body] | None:
        """Return why a valid line gets no answer, or None if it gets one."""
        for pattern, status in self._failing:
            if pattern.match(request["custom_id"]):
                return status, error_body(f"The emulator was told to fail this request ({status}).", "scripted_failure")
        body = request["body"]
        model = body["model"]
        if model not in self._models:
            message = f"The model `{model}` does not exist or you do not have access to it."
            return 404, error_body(message, "model_not_found")
        chat = request["url"] == CHAT
        if chat is _is_for_audio(model):
            kind = "chat completions" if chat else "audio"
            return 400, error_body(f"The model `{model}` does not support {kind}")
        if chat and not (isinstance(body.get("messages"), list) and body["messages"]):
            return 400, error_body("'messages' : property 'messages' is missing", param="messages")
        if not chat and not (isinstance(body.get("url"), str) and body["url"]):
            return 400, error_body("one of `file` or `url` must be provided", param="url")
        return None

    def body(self, request: Request, request_id: str, created: int) -> Body:
        """Return the body of the answer to a request that is not refused."""
        body = request["body"]
        if request["url"] != CHAT:
            return {"text": _transcript(request["url"], body["url"]), "x_groq": {"id": request_id}}
        text = user_text(body["messages"])
        digest = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).digest()
        content = self._content(body, text, digest)
        return {
            "id": f"chatcmpl-{uuid.UUID(bytes=digest)}",
            "object": "chat.completion",
            "created": created,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": _usage(sum(len(_text(message)) for message in body["messages"]), len(content), digest),
            "system_fingerprint": "fp_emulator",
            "x_groq": {"id": request_id},
        }

    def _content(self, body: Body, text: str, digest: bytes) -> str:
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


def user_text(messages: list[object]) -> str:
    """Return what the user said in a conversation, or all that was said where no user spoke."""
    said = [_text(message) for message in messages if isinstance(message, dict) and message.get("role") == "user"]
    return "\n".join(said or [_text(message) for message in messages])


def _text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(part for part in parts if isinstance(part, str))


def _is_for_audio(model: str) -> bool:
    return "whisper" in model


def _transcript(endpoint: str, url: str) -> str:
    done = "translation" if endpoint.endswith("translations") else "transcript"
    return f"Emulated {done} of {url}"


def _usage(prompt_chars: int, completion_chars: int, digest: bytes) -> dict[str, float]:
    prompt_tokens = prompt_chars // CHARS_PER_TOKEN + 36  # what a chat template adds
    completion_tokens = completion_chars // CHARS_PER_TOKEN + 1
    prompt_time = round(prompt_tokens / PROMPT_TOKENS_PER_SECOND, 9)
    completion_time = round(completion_tokens / COMPLETION_TOKENS_PER_SECOND, 9)
    return {
        "queue_time": round(0.5 + digest[0] / 256, 9),
        "prompt_tokens": prompt_tokens,
        "prompt_time": prompt_time,
        "completion_tokens": completion_tokens,
        "completion_time": completion_time,
        "total_tokens": prompt_tokens + completion_tokens,
        "total_time": round(prompt_time + completion_time, 9),
    }
