"""The tokens that answers used, summed for each model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from airflow_provider_groq.api.text import one_line

MAX_MODELS, MAX_KINDS_OF_TOKENS, MAX_NAME_CHARS = 100, 20, 100
"""How many models and kinds of tokens are told apart, and the length of their names: they go into XCom."""

MAX_TOKENS = 2**53
"""A larger number of tokens is nonsense."""


class Tokens:
    """Sums what answers say of tokens used.

    Attributes:
        by_model: For each model, the sum of each kind of tokens. Models beyond a number are summed as ``others``,
            and answers that name none as ``unknown``.
    """

    def __init__(self) -> None:
        self.by_model: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def add(self, model: Any, usage: Mapping[str, Any]) -> None:
        """Take the ``usage`` of one answer, whatever it contains.

        Args:
            model: The model that answered.
            usage: What it used; only numbers of tokens count.
        """
        sums = self.sums(model)
        for kind, number in usage.items():
            if type(number) is not int or not 0 <= number <= MAX_TOKENS:
                continue
            if kind in sums:
                sums[kind] += number
            elif len(sums) < MAX_KINDS_OF_TOKENS and _is_of_tokens(kind):
                sums[kind] = number

    def add_sums(self, by_model: Mapping[str, Mapping[str, int]]) -> None:
        """Take what was summed elsewhere, as `by_model` gives it."""
        for model, counted in by_model.items():
            sums = self.sums(model)
            for kind, number in counted.items():
                sums[kind] = sums.get(kind, 0) + number

    def sums(self, model: Any) -> dict[str, int]:
        """The sums of one model, to which more may be added."""
        name = "unknown"
        if isinstance(model, str):
            if model in self.by_model:
                return self.by_model[model]
            name = one_line(model, MAX_NAME_CHARS)
        return self.by_model[name if name in self.by_model or len(self.by_model) < MAX_MODELS else "others"]


def _is_of_tokens(kind: str) -> bool:
    """Whether this entry of a ``usage`` is a number of tokens."""
    return kind.endswith("_tokens") and len(kind) <= MAX_NAME_CHARS and kind.isprintable()
