"""The tokens that answers used, what they cost, and what more rows are going to use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec

from airflow_provider_groq.batches.tokens import MAX_TOKENS, Tokens
from airflow_provider_groq.jobs.money.prices import Prices, total
from airflow_provider_groq.jobs.records import Status

KINDS_OF_TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "total_tokens")

_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]


class _Details(msgspec.Struct, gc=False):
    reasoning_tokens: _Number | None = None


class Counts(msgspec.Struct, gc=False):
    """The tokens that one answer used, as far as they are summed."""

    prompt_tokens: _Number = 0
    completion_tokens: _Number = 0
    reasoning_tokens: _Number = 0
    total_tokens: _Number = 0
    completion_tokens_details: _Details | None = None

    @property
    def reasoning(self) -> int:
        """How many of the completion's tokens are of reasoning."""
        details = self.completion_tokens_details
        told = None if details is None else details.reasoning_tokens
        return self.reasoning_tokens if told is None else told


_counts = msgspec.json.Decoder(Counts | None)
_all_counts = msgspec.json.Decoder(list[Counts | None])


def counts_of(usage: msgspec.Raw) -> Counts | None:
    """The tokens that an answer says it used; None if it does not. A value that is not a number counts as 0.

    Args:
        usage: A JSON object or null.
    """
    try:
        counts: Counts | None = _counts.decode(usage)
    except msgspec.MsgspecError:
        return msgspec.convert(_numbers(msgspec.json.decode(usage)), Counts)
    return counts


def counts_of_all(usages: Iterable[msgspec.Raw]) -> list[Counts | None] | None:
    """The same for several at once; None if each has to be read alone."""
    try:
        return _all_counts.decode(b"[%b]" % b",".join(usages))
    except msgspec.MsgspecError:
        return None


def _numbers(usage: Mapping[str, Any]) -> dict[str, int]:
    details = usage.get("completion_tokens_details")
    told = details.get("reasoning_tokens") if isinstance(details, dict) else None
    numbers = {kind: usage.get(kind) for kind in KINDS_OF_TOKENS} | ({} if told is None else {"reasoning_tokens": told})
    return {kind: number for kind, number in numbers.items() if type(number) is int and 0 <= number <= MAX_TOKENS}


class Used(Protocol):
    """An answer, as far as it says what it used."""

    @property
    def status(self) -> Status:
        """What became of the row."""

    @property
    def model(self) -> str | None:
        """The model that answered."""

    @property
    def usage(self) -> msgspec.Raw:
        """The tokens, as Groq counts them."""


class Projection(NamedTuple):
    """What rows are going to use, if they are as those before.

    Attributes:
        rows: How many rows.
        prompt_tokens: Of all of them.
        completion_tokens: Likewise; reasoning included.
        cost: Of both; None if a price is unknown.
    """

    rows: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


class Usage:
    """Sums what answers used.

    Attributes:
        answers: How many answers say what they used.
        unmetered: How many succeeded and do not say it, as those of audio.
    """

    def __init__(self) -> None:
        self.answers = self.unmetered = 0
        self._tokens = Tokens()

    @property
    def by_model(self) -> dict[str, dict[str, int]]:
        """For each model the tokens of each of `KINDS_OF_TOKENS`."""
        return {model: dict(sums) for model, sums in self._tokens.by_model.items()}

    def add(self, answer: Used) -> None:
        """Take an answer."""
        self.count([answer], [counts_of(answer.usage)])

    def count(self, answers: Sequence[Used], counts: Sequence[Counts | None]) -> None:
        """Take answers that are known to have used so much."""
        metered = defaultdict[str | None, list[Counts]](list)
        for answer, used in zip(answers, counts, strict=True):
            if used is None:
                self.unmetered += answer.status == "succeeded"
            else:
                metered[answer.model].append(used)
        for model, all_used in metered.items():
            self._add_up(model, all_used)

    def _add_up(self, model: str | None, all_used: Sequence[Counts]) -> None:
        self.answers += len(all_used)
        sums = self._tokens.sums(model)
        if not sums:
            sums.update(dict.fromkeys(KINDS_OF_TOKENS, 0))
        sums["prompt_tokens"] += sum([used.prompt_tokens for used in all_used])
        sums["completion_tokens"] += sum([used.completion_tokens for used in all_used])
        sums["reasoning_tokens"] += sum([used.reasoning for used in all_used])
        sums["total_tokens"] += sum([used.total_tokens for used in all_used])

    def add_all(self, other: Usage) -> None:
        """Take what another sum holds."""
        self.add_sums(other.answers, other.unmetered, other.by_model)

    def add_sums(self, answers: int, unmetered: int, tokens: Mapping[str, Mapping[str, int]]) -> None:
        """Take what was summed before: `answers`, `unmetered` and `by_model`."""
        self.answers += answers
        self.unmetered += unmetered
        self._tokens.add_sums(tokens)

    def cost(self, prices: Prices) -> float | None:
        """What all of it cost; None if that is not known: a price is missing, or an answer says no tokens."""
        if self.unmetered:
            return None
        return total(
            prices.cost(model, sums["prompt_tokens"], sums["completion_tokens"])
            for model, sums in self.by_model.items()
        )

    def project(self, rows: int, prices: Prices, *, model: str | None = None) -> Projection:
        """What more rows are going to use: the mean of the answers so far, for each of them.

        Args:
            rows: How many.
            prices: What tokens cost.
            model: The model that they are sent to; by default the models of the answers so far, in their shares.
        """
        share = rows / self.answers if self.answers else 0.0
        used = [
            (name if model is None else model, sums["prompt_tokens"] * share, sums["completion_tokens"] * share)
            for name, sums in self.by_model.items()
        ]
        costs = total(prices.cost(*each) for each in used)
        return Projection(
            rows,
            round(sum(prompt for _, prompt, _ in used)),
            round(sum(completion for _, _, completion in used)),
            costs if self.answers and not self.unmetered else None,
        )
