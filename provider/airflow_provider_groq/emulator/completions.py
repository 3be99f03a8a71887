"""The body of a chat completion, in the shape that Groq gives it in a batch."""

import uuid
from typing import Any

from airflow_provider_groq.emulator.failures import LENGTH, cut

CHARS_PER_TOKEN = 4
PROMPT_TOKENS_PER_SECOND = 5500
COMPLETION_TOKENS_PER_SECOND = 750
TEMPLATE_TOKENS = 36
"""What a chat template adds to a prompt."""
REASONING_STEPS = {"low": 1, "medium": 4, "high": 16}
ECHOED_CHARS = 120

Body = dict[str, Any]


def completion(
    asked: Body, content: str, digest: bytes, *, request_id: str, created: int, cut_off: bool = False
) -> Body:
    """Return the body of an answer.

    Args:
        asked: The body of the request.
        content: What the model says.
        digest: A hash of the request.
        request_id: The request's id.
        created: When it was answered (Unix seconds).
        cut_off: Whether the model came to its token limit.
    """
    content = cut(content) if cut_off else content
    reasoning = _reasoning(asked)
    message: Body = {"role": "assistant", "content": content}
    if reasoning and asked.get("include_reasoning") is not False and asked.get("reasoning_format") != "hidden":
        message["reasoning"] = reasoning
    finish_reason = LENGTH if cut_off else "stop"
    return {
        "id": f"chatcmpl-{uuid.UUID(bytes=digest)}",
        "object": "chat.completion",
        "created": created,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": _usage(asked, content, reasoning, digest),
        "system_fingerprint": "fp_emulator",
        "x_groq": {"id": request_id},
        "service_tier": "batch",
    }


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


def _reasoning(asked: Body) -> str:
    """Return what the model thinks before it answers; empty for a model that does not."""
    if "gpt-oss" not in asked["model"]:
        return ""
    effort = asked.get("reasoning_effort")
    steps = REASONING_STEPS.get(effort if isinstance(effort, str) else "", REASONING_STEPS["medium"])
    thoughts = [f"Step {number} of {steps}: weigh what the user wants." for number in range(1, steps + 1)]
    return " ".join([f"The user says: {user_text(asked['messages'])[:ECHOED_CHARS]}", *thoughts])


def _usage(asked: Body, content: str, reasoning: str, digest: bytes) -> Body:
    prompt_tokens = sum(len(_text(message)) for message in asked["messages"]) // CHARS_PER_TOKEN + TEMPLATE_TOKENS
    reasoning_tokens = len(reasoning) // CHARS_PER_TOKEN
    completion_tokens = len(content) // CHARS_PER_TOKEN + 1 + reasoning_tokens
    prompt_time = round(prompt_tokens / PROMPT_TOKENS_PER_SECOND, 9)
    completion_time = round(completion_tokens / COMPLETION_TOKENS_PER_SECOND, 9)
    usage: Body = {
        "queue_time": round(0.5 + digest[0] / 256, 9),
        "prompt_tokens": prompt_tokens,
        "prompt_time": prompt_time,
        "completion_tokens": completion_tokens,
        "completion_time": completion_time,
        "total_tokens": prompt_tokens + completion_tokens,
        "total_time": round(prompt_time + completion_time, 9),
    }
    if reasoning:
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning_tokens}
    return usage
