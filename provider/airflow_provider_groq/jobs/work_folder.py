"""The folder with a job's state until it is landed: where each thing is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from airflow_provider_groq.jobs import seals
from airflow_provider_groq.jobs.attempt import spool_name
from airflow_provider_groq.jobs.files import Path, read_whole
from airflow_provider_groq.jobs.seals import JobSeal, RoundRecord, RoundSeal

PREFIX = "_groq_"
KEY_CHARS = 12
"""How much of a task's identity names its work folder."""

NAME_CHARS = 8
"""Of a random name."""

SEAL, MARK = "job.json", "elsewhere.json"
"""The seal of a job, and a copy of it in the output folder of a job whose work folder lies elsewhere."""


class WorkFolder:
    """The work folder of one task instance.

    Args:
        parent: Its parent folder.
        identity: The key of the task instance.
        seal_name: The name of its seal.
    """

    def __init__(self, parent: Path, identity: str, *, seal_name: str = SEAL) -> None:
        self.path = parent / f"{PREFIX}{identity[:KEY_CHARS]}"
        self._seal_name = seal_name

    def seal(self) -> JobSeal | None:
        """The seal of the job; None if there is none.

        Raises:
            GroqInputError: It is cut off, or of another version.
        """
        sealed: JobSeal | None = seals.read(self.path / self._seal_name, JobSeal, "the seal of a job")
        return sealed

    def write_seal(self, seal: JobSeal) -> None:
        """Seal the job."""
        seals.write(self.path / self._seal_name, seal)

    def take_back(self, old: JobSeal | None) -> None:
        """Put the seal of before in the place of the one that was written, or none."""
        if old is None:
            (self.path / self._seal_name).unlink(missing_ok=True)
        else:
            self.write_seal(old)

    def new_spool(self, generation: int) -> Path:
        """A folder for the requests of a generation of the job, which no other try has."""
        return self.path / spool_name(generation, uuid.uuid4().hex[:NAME_CHARS])

    def spool(self, name: str) -> SpoolFolder:
        """The folder of some requests and of all that follows from them."""
        return SpoolFolder(self.path / name)


class SpoolFolder:
    """The requests of a job, its rounds and their answers.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def round(self, number: int) -> RoundSeal | None:
        """The seal of a round; None if it has none."""
        sealed: RoundSeal | None = seals.read(self.path / f"round-{number}.json", RoundSeal, "the seal of a round")
        return sealed

    def rounds(self) -> Iterator[RoundSeal]:
        """The seals of all rounds, in order."""
        number = 1
        while (sealed := self.round(number)) is not None:
            yield sealed
            number += 1

    def write_round(self, seal: RoundSeal) -> None:
        """Seal a round."""
        seals.write(self.path / f"round-{seal.number}.json", seal)

    def new_round(self, number: int) -> Path:
        """A folder for the requests of a round, which no other try has."""
        return self.path / f"round-{number}-{uuid.uuid4().hex[:NAME_CHARS]}"

    def record(self, number: int) -> RoundRecord:
        """What is known of a round's batches."""
        path = self.path / f"round-{number}.batches.json"
        try:
            return read_whole(path, RoundRecord, "the record of a round's batches")
        except FileNotFoundError:
            return RoundRecord()

    def write_record(self, number: int, record: RoundRecord) -> None:
        """Replace what is known of a round's batches."""
        seals.write(self.path / f"round-{number}.batches.json", record)

    def answers(self, number: int, shard: int) -> Path:
        """Where the answers of a shard are kept."""
        return self.path / f"answers-{number}-{shard:05}.jsonl"


def others(parent: Path, mine: WorkFolder) -> Iterator[tuple[Path, JobSeal]]:
    """The jobs of other task instances in a folder, as it is now: their work folders, or what marks it for them.

    Args:
        parent: The folder.
        mine: The work folder of this task instance, wherever it lies.

    Returns:
        The folder of each, with the seal that lies in it.

    Raises:
        GroqInputError: One is cut off, or of another version.
    """
    parent.fs.invalidate_cache()  # object storages remember what they have listed
    if not parent.exists():
        return
    for found in parent.iterdir():
        if found.name.startswith(PREFIX) and found.name != mine.path.name:
            for name in (SEAL, MARK):
                sealed: JobSeal | None = seals.read(found / name, JobSeal, "the seal of a job")
                if sealed is not None:
                    yield found, sealed
