"""Keys of partitions: what Airflow takes as one."""

from __future__ import annotations

from typing import Any

from airflow_provider_groq.batches.options import is_utf8, shown

MAX_CHARS = 250
"""As long as a key may be in Airflow's database."""


class PartitionProblem(ValueError):  # noqa: N818 - it is made an error by saying where the key comes from
    """Why something cannot be the key of a partition, as the end of a sentence."""


def partition_key(value: Any) -> str:
    """The key of a partition as text.

    Args:
        value: A text, or a whole number.

    Raises:
        PartitionProblem: It is something else, empty, or too long.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise PartitionProblem(f"is {shown(value)}, but the key of a partition must be a text or a whole number")
    try:
        key = str(value)
    except ValueError:  # an integer of more digits than Python writes
        raise PartitionProblem(
            f"is {shown(value)}, but the key of a partition has at most {MAX_CHARS} characters"
        ) from None
    if not key.strip():
        raise PartitionProblem(f"is {key!r}, but the key of a partition must not be empty")
    if len(key) > MAX_CHARS:
        raise PartitionProblem(
            f"is {shown(key)}, a text of {len(key):,} characters, but the key of a partition has at most {MAX_CHARS}"
        )
    if not is_utf8(key):
        raise PartitionProblem(f"is {shown(key)}, which is not valid Unicode")
    return key
