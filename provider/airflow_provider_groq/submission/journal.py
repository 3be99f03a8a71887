"""What the tries of a task write down for each other about its batches: the form that every such place has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from airflow_provider_groq.batches.identity import Claim

Entry: TypeAlias = Mapping[str, str]
"""What is written down about a claim. There may be

- ``input_file_id``: its input file, or "". The entry is there before its batch is created, so the batch may exist.
- ``made_id``: the batch that was created. Whether another process has created a duplicate of it has not been checked.
- ``batch_id``: the one batch of the claim. Nothing need be looked for.
"""


class Journal(Protocol):
    """Where a try of a task writes down what the next one needs, and learns whether it still counts.

    `submission.state_store.StateStore` is one, for a task with one batch.
    """

    @property
    def legible(self) -> bool:
        """Whether all that earlier tries have recorded can be read.

        If not, each claim may have a batch that Groq's listing shows late, and a look waits for that.
        """

    def read(self, claims: Sequence[Claim]) -> Mapping[Claim, Entry]:
        """The last entry of each of these claims, by whichever try; claims without one may be left out."""

    def record(self, entries: Mapping[Claim, Entry]) -> bool:
        """Replace the entries of some claims at once; the others stay.

        Called from the task's own thread alone: before creations are sent (at most about once a second where there
        are many), and after the last. Every call asks whether this try still counts, one without entries too.

        A journal that cannot be written does not stop the task: the next try searches Groq.

        Returns:
            Whether the entries were taken, and Airflow has confirmed with them that this try is the one that counts.
            Without that confirmation (an Airflow without a task state store) it must be False, even if they were
            taken.

        Raises:
            TaskStoppedError: Airflow has given this try up.
        """
