"""What Groq refuses of a valid line when its turn comes: the line is answered with an error."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from airflow_provider_groq.emulator.errors import error_body
from airflow_provider_groq.emulator.failures import failure_of
from airflow_provider_groq.emulator.json_lines import canonical
from airflow_provider_groq.emulator.strict_form import problem_of_strict

CHAT = "/v1/chat/completions"
TRANSLATIONS = "/v1/audio/translations"
STRICT_MODELS = frozenset({"openai/gpt-oss-20b", "openai/gpt-oss-120b"})
TRANSCRIBING_ONLY = frozenset({"whisper-large-v3-turbo"})
AUDIO_FORMATS = ("json", "text", "verbose_json")
MAX_SCHEMAS = 64
"""So many schemas are remembered: most batches have one."""

Refusal = tuple[int, dict[str, Any]]


class Refusals:
    """Says which requests are refused.

    Args:
        models: The models that exist.
    """

    def __init__(self, models: Iterable[str]) -> None:
        self._models = frozenset(models)
        self._schemas: dict[bytes, str | None] = {}

    def of(self, request: dict[str, Any]) -> Refusal | None:
        """Return the status and the error body that Groq answers a valid line with, or None."""
        body = request["body"]
        model = body["model"]
        if model not in self._models:
            failure = failure_of("model_not_found")
            return failure.status, failure.body(model, "")
        if request["url"] == CHAT:
            return self._of_chat(model, body)
        return _of_audio(model, request["url"], body)

    def _of_chat(self, model: str, body: dict[str, Any]) -> Refusal | None:
        if "whisper" in model:
            return _refused(f"The model `{model}` does not support chat completions")
        messages = body.get("messages")
        if not (isinstance(messages, list) and messages):
            return _refused("'messages' : property 'messages' is missing", "messages")
        wanted = body.get("response_format")
        if not isinstance(wanted, dict) or wanted.get("type") not in ("json_schema", "json_object"):
            return None
        problem = self._problem_of_format(model, wanted.get("json_schema"), body.get("tools"))
        return _refused(problem, "response_format") if problem else None

    def _problem_of_format(self, model: str, named: object, tools: object) -> str | None:
        if tools:
            return "json mode cannot be combined with tool/function calling"
        if not isinstance(named, dict) or named.get("strict") is not True:
            return None
        if model not in STRICT_MODELS:
            return f"The model `{model}` does not support `strict: true` in the response format `json_schema`"
        return self._problem_of_schema(named)

    def _problem_of_schema(self, named: dict[str, Any]) -> str | None:
        key = canonical(named)
        if key not in self._schemas:
            if len(self._schemas) >= MAX_SCHEMAS:
                self._schemas.clear()
            self._schemas[key] = problem_of_strict(named.get("schema"), named.get("name"))
        return self._schemas[key]


def _of_audio(model: str, url: str, body: dict[str, Any]) -> Refusal | None:
    if "whisper" not in model:
        return _refused(f"The model `{model}` does not support audio")
    if url == TRANSLATIONS and model in TRANSCRIBING_ONLY:
        return _refused(f"The model `{model}` does not support translations")
    if not (isinstance(body.get("url"), str) and body["url"]):
        return _refused("one of `file` or `url` must be provided", "url")
    wanted = body.get("response_format", "json")
    if wanted not in AUDIO_FORMATS:
        return _refused(f"response_format must be one of {', '.join(AUDIO_FORMATS)}", "response_format")
    return None


def _refused(message: str, param: str | None = None) -> Refusal:
    return HTTPStatus.BAD_REQUEST, error_body(message, param=param)
