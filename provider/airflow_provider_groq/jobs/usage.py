"""The tokens that answers used, what they cost, and what more rows are going to use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from airflow_provider_groq.batches.tokens import Tokens
from airflow_provider_groq.jobs.prices import Prices, total
from airflow_provider_groq.jobs.records import Status

KINDS_OF_TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "total_tokens")


class Used(Protocol):
    """An answer, as far as it says what it used."""

    @property
    def status(self) -> Status:
        """What became of the row."""

    @property
    def model(self) -> str | None:
        """The model that answered."""

    @property
    def usage(self) -> dict[str, Any] | None:
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
        usage = answer.usage
        if usage is None:
            self.unmetered += answer.status == "succeeded"
            return
        self.answers += 1
        self._tokens.add(answer.model, _tokens_of(usage))

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


def _tokens_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Each of `KINDS_OF_TOKENS`, as the usage has it, or 0; what it has need not be a number."""
    details = usage.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return {
        "prompt_tokens": usage.get("prompt_tokens", 0),
        "completion_tokens": usage.get("completion_tokens", 0),
        "reasoning_tokens": usage.get("reasoning_tokens", 0) if reasoning is None else reasoning,
        "total_tokens": usage.get("total_tokens", 0),
    }
