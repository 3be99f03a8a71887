"""The body of a chat completion, in the shape that Groq gives it in a batch."""

from typing import Any

import msgspec

CHARS_PER_TOKEN = 4
PROMPT_TOKENS_PER_SECOND = 5500
COMPLETION_TOKENS_PER_SECOND = 750
TEMPLATE_TOKENS = 36
"""What a chat template adds to a prompt."""
REASONING_STEPS = {"low": 1, "medium": 4, "high": 16}
THOUGHTS = {
    effort: " ".join(f"Step {number} of {steps}: weigh what the user wants." for number in range(1, steps + 1))
    for effort, steps in REASONING_STEPS.items()
}
ECHOED_CHARS = 120

Body = dict[str, Any]


class ReasoningTokens(msgspec.Struct, gc=False):
    """How many of an answer's tokens are reasoning."""

    reasoning_tokens: int


class Usage(msgspec.Struct, omit_defaults=True, gc=False):
    """What an answer took."""

    queue_time: float
    prompt_tokens: int
    prompt_time: float
    completion_tokens: int
    completion_time: float
    total_tokens: int
    total_time: float
    completion_tokens_details: ReasoningTokens | None = None


class Message(msgspec.Struct, omit_defaults=True, gc=False):
    """What the model says."""

    role: str
    content: str
    reasoning: str | None = None


class Choice(msgspec.Struct, gc=False):
    """One answer; there is one."""

    index: int
    message: Message
    logprobs: None
    finish_reason: str


class Completion(msgspec.Struct, gc=False):
    """The body."""

    id: str
    object: str
    created: int
    model: str
    choices: tuple[Choice]
    usage: Usage
    system_fingerprint: str
    x_groq: dict[str, str]
    service_tier: str


def completion(
    asked: Body, content: str, text: str, digest: bytes, *, request_id: str, created: int, finish_reason: str
) -> Completion:
    """Return the body of an answer.

    Args:
        asked: The body of the request.
        content: What the model says.
        text: What the user said.
        digest: A hash of the request, 16 bytes.
        request_id: The request's id.
        created: When it was answered (Unix seconds).
        finish_reason: Why the model stopped.
    """
    reasoning = _reasoning(asked, text)
    hidden = not reasoning or asked.get("include_reasoning") is False or asked.get("reasoning_format") == "hidden"
    message = Message("assistant", content, None if hidden else reasoning)
    name = digest.hex()
    return Completion(
        f"chatcmpl-{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}",
        "chat.completion",
        created,
        asked["model"],
        (Choice(0, message, None, finish_reason),),
        _usage(asked, content, reasoning, digest),
        "fp_emulator",
        {"id": request_id},
        "batch",
    )


def user_text(messages: list[object]) -> str:
    """Return what the user said in a conversation, or all that was said where no user spoke."""
    said = [_text(message) for message in messages if isinstance(message, dict) and message.get("role") == "user"]
    said = said or [_text(message) for message in messages]
    return said[0] if len(said) == 1 else "\n".join(said)


def _text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(part for part in parts if isinstance(part, str))


def _reasoning(asked: Body, text: str) -> str:
    """Return what the model thinks before it answers; empty for a model that does not."""
    if "gpt-oss" not in asked["model"]:
        return ""
    effort = asked.get("reasoning_effort")
    steps = THOUGHTS.get(effort if isinstance(effort, str) else "", THOUGHTS["medium"])
    return f"The user says: {text[:ECHOED_CHARS]} {steps}"


def _usage(asked: Body, content: str, reasoning: str, digest: bytes) -> Usage:
    prompt_tokens = sum([len(_text(message)) for message in asked["messages"]]) // CHARS_PER_TOKEN + TEMPLATE_TOKENS
    reasoning_tokens = len(reasoning) // CHARS_PER_TOKEN
    completion_tokens = len(content) // CHARS_PER_TOKEN + 1 + reasoning_tokens
    prompt_time = prompt_tokens / PROMPT_TOKENS_PER_SECOND
    completion_time = completion_tokens / COMPLETION_TOKENS_PER_SECOND
    return Usage(
        0.5 + digest[0] / 256,
        prompt_tokens,
        prompt_time,
        completion_tokens,
        completion_time,
        prompt_tokens + completion_tokens,
        prompt_time + completion_time,
        ReasoningTokens(reasoning_tokens) if reasoning else None,
    )
