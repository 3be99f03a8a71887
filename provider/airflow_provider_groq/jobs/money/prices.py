"""What tokens cost: prices that the user gives, since Groq's API returns none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError

KINDS = ("input", "output")
TOKENS = 1_000_000
"""Prices are for so many."""

DIGITS = 9
"""Decimals that a cost is rounded to, so that sums of floats read well."""


class Price(NamedTuple):
    """What a million tokens of a model cost.

    Attributes:
        input: Of prompts.
        output: Of answers, reasoning included.
    """

    input: float
    output: float

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """What some tokens cost."""
        return round((self.input * prompt_tokens + self.output * completion_tokens) / TOKENS, DIGITS)


class Prices:
    """The prices of models, in whatever currency they were given.

    Args:
        by_model: The price of each model that has one.
    """

    def __init__(self, by_model: Mapping[str, Price]) -> None:
        self._by_model = dict(by_model)

    @classmethod
    def of(cls, given: Any, *, where: str = "prices") -> Self:
        """Read prices as users write them.

        Args:
            given: For each model a mapping with ``input`` and ``output``, per million tokens; or that as JSON text.
                None stands for no prices.
            where: What they are called in an error.

        Raises:
            GroqInputError: They have another form, or one is negative.
        """
        if isinstance(given, str):
            try:
                given = json.loads(given) if given.strip() else None
            except (ValueError, RecursionError) as error:
                raise GroqInputError(f"{where} cannot be read as JSON: {error}.") from None
        if given is None:
            return cls({})
        if not isinstance(given, Mapping):
            raise GroqInputError(
                f'{where} is {shown(given)}, but must have the form {{"MODEL": {{"input": 0.1, "output": 0.5}}}}.'
            )
        return cls({model: _price(model, price, where) for model, price in given.items()})

    def lacking(self, models: Iterable[str]) -> list[str]:
        """Those of some models whose price is unknown."""
        return sorted({model for model in models if model not in self._by_model})

    def cost(self, model: str, prompt_tokens: float, completion_tokens: float) -> float | None:
        """What some tokens of a model cost; None if its price is unknown."""
        price = self._by_model.get(model)
        return None if price is None else price.cost(prompt_tokens, completion_tokens)


def total(costs: Iterable[float | None]) -> float | None:
    """The sum of costs; None if one of them is unknown."""
    known = list(costs)
    numbers = [cost for cost in known if cost is not None]
    return round(math.fsum(numbers), DIGITS) if len(numbers) == len(known) else None


def in_words(cost: float | None) -> str:
    """A cost as a log line has it."""
    if cost is None:
        return "unknown"
    return f"{cost:,.2f}" if cost >= 1 or not cost else f"{cost:,.6f}"


def _price(model: Any, price: Any, where: str) -> Price:
    name = f"{where}[{shown(model)}]"
    if not isinstance(model, str) or not model:
        raise GroqInputError(f"{name} does not name a model.")
    if not isinstance(price, Mapping) or set(price) != set(KINDS):
        raise GroqInputError(f"{name} is {shown(price)}, but must have input and output, and nothing else.")
    for kind in KINDS:
        value = price[kind]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise GroqInputError(
                f"{name}: {kind} is {shown(value)}, but must be a number from 0, the price of a million tokens."
            )
    return Price(float(price["input"]), float(price["output"]))
