"""What requests will take, estimated from their lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from airflow_provider_groq.api.text import one_line, without_surrogates
from airflow_provider_groq.jobs.money.prices import total
from airflow_provider_groq.jobs.requests.form import CHAT

BYTES_A_TOKEN = 4

RULE = f"one token for each {BYTES_A_TOKEN} bytes of a request's body in UTF-8"
"""How prompt tokens are estimated; the body has the parameters and the schema too, which are part of the prompt."""

SHOWN, OTHERS = (20, 5, 1), "others"
"""So many models are told apart, those with the most rows: the first number with which all fits into an XCom. The rest
counts under another name."""

MAX_BYTES, MAX_NAME = 15_000, 10_000


class _Line(msgspec.Struct, gc=False):
    url: str
    body: msgspec.Raw


class _Body(msgspec.Struct, gc=False):
    model: str
    max_completion_tokens: Any = None
    max_tokens: Any = None


_lines, _bodies = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Body)


@dataclass
class Estimate:
    """What the requests to one model will take.

    Attributes:
        rows: How many there are.
        bytes: The size of their lines.
        prompt_tokens: By `RULE`; None if one of them has no prompt, but a recording.
        completion_tokens: At most; None if one of them sets no limit.
        cost: Of both, at most; None if it is not known.
    """

    rows: int = 0
    bytes: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    cost: float | None = None

    def add(self, other: Estimate) -> None:
        """Count more requests, whose cost is not known yet."""
        self.rows += other.rows
        self.bytes += other.bytes
        self.prompt_tokens = _sum(self.prompt_tokens, other.prompt_tokens)
        self.completion_tokens = _sum(self.completion_tokens, other.completion_tokens)


def by_model(lines: Iterable[bytes]) -> dict[str, Estimate]:
    """Estimate what requests take, for each model that they name; the one with the most rows first.

    Args:
        lines: The requests.
    """
    found: dict[str, Estimate] = {}
    for line in lines:
        request = _read(line)
        body = _bodies.decode(request.body)
        is_chat = request.url == CHAT
        tokens = -(-len(bytes(request.body)) // BYTES_A_TOKEN)
        found.setdefault(body.model, Estimate()).add(
            Estimate(1, len(line), tokens if is_chat else None, _limit(body) if is_chat else None)
        )
    return dict(sorted(found.items(), key=lambda item: -item[1].rows))


def _read(line: bytes) -> _Line:
    try:
        return _lines.decode(line)
    except msgspec.DecodeError:  # a lone surrogate, which only the json module reads
        return _lines.decode(without_surrogates(json.dumps(json.loads(line), ensure_ascii=False)))


def for_xcom(models: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    """The estimates of a few models as JSON has them, and of the others together."""
    found: dict[str, dict[str, Any]] = {}
    for most in SHOWN:
        found = {one_line(model, MAX_NAME): asdict(made) for model, made in _shortened(models, most).items()}
        if len(json.dumps(found)) <= MAX_BYTES:
            break
    return found


def _shortened(models: Mapping[str, Estimate], most: int) -> dict[str, Estimate]:
    if len(models) <= most:
        return dict(models)
    names = list(models)
    shown, others = names[: most - 1], [models[name] for name in names[most - 1 :]]
    rest = Estimate()
    for other in others:
        rest.add(other)
    rest.cost = total(other.cost for other in others)
    return {name: models[name] for name in shown} | {OTHERS: rest}


def _limit(body: _Body) -> int | None:
    """How many tokens the answer to a request has at most; None if the request sets no limit."""
    for limit in (body.max_completion_tokens, body.max_tokens):
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            return limit
    return None


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
