"""Whether the models that an input names are those that a key may use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import SequenceMatcher

from airflow_provider_groq.batches.options import shown

SHOWN_MODELS, SHOWN_NEAREST = 3, 3

SPEECH = "whisper"
"""What the names of Groq's speech models have in common."""


def unavailable(
    first_lines: Mapping[str, int], available: Collection[str], *, word: str = "line"
) -> tuple[str, int] | None:
    """The models of an input that are not available; None if all are.

    Args:
        first_lines: For each model of the input, the number of the first line that names it.
        available: The models that the key may use.
        word: What these are the numbers of.

    Returns:
        Each of them with its line and the nearest available names, in words; and the first of those lines.
    """
    lacking = sorted((line, model) for model, line in first_lines.items() if model not in available)
    if not lacking:
        return None
    told = "; ".join(
        f"{word} {line:,}: body.model is {shown(model)} (nearest: {', '.join(_nearest(model, available)) or 'none'})"
        for line, model in lacking[:SHOWN_MODELS]
    )
    more = len(lacking) - SHOWN_MODELS
    more_told = f"; and {more:,} more models" if more > 0 else ""
    return f"{told}{more_told}", lacking[0][0]


def _nearest(model: str, available: Collection[str]) -> list[str]:
    """The available names that are most like the model's, most like first; for speech no others, and vice versa."""
    kin = [name for name in available if (SPEECH in name.lower()) == (SPEECH in model.lower())]
    likeness = {name: SequenceMatcher(None, model.lower(), name.lower()).ratio() for name in kin}
    return sorted(kin, key=lambda name: (-likeness[name], name))[:SHOWN_NEAREST]
