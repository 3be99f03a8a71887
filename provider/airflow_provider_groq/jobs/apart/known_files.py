"""The answers that are there before the first round, kept as those of a batch are: in files with a summary each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from airflow_provider_groq.jobs.files import Path
from airflow_provider_groq.jobs.money.usage import counts_of, counts_of_all
from airflow_provider_groq.jobs.records import Answer
from airflow_provider_groq.jobs.results.answer_lines import Writer
from airflow_provider_groq.jobs.results.kept import KeptFile

ROWS, BYTES = 50_000, 128 << 20
"""How much a file holds at most, roughly: it is then large enough to become a part of the output as it is."""

TOGETHER_BYTES = 1 << 16
"""How much is written at a time; more leaves the processor's cache."""


def known_files(folder: Path) -> Iterator[KeptFile]:
    """The files in a folder, in the order of their rows."""
    for number in count():
        kept = _file(folder, number)
        if not kept.exists():
            return
        yield kept


def _file(folder: Path, number: int) -> KeptFile:
    return KeptFile(folder / f"known-{number:05}.jsonl")


class KnownFiles:
    """Writes the files.

    Args:
        folder: Where.
        file: Closes the one that is being written.
    """

    def __init__(self, folder: Path, file: ExitStack) -> None:
        self._folder = folder
        self._file = file
        self._numbers = count()
        self._writer: Writer | None = None
        self._rows = self._size = 0
        self._answers: list[Answer] = []

    def add(self, answer: Answer, size: int) -> None:
        """Take the answer of the next row.

        Args:
            answer: The answer.
            size: The size that it had under its own row, whose columns may have been others.
        """
        answer.input = answer.input.copy()  # the block that it was read from is not kept
        self._answers.append(answer)
        self._size += size + len(answer.input)
        if self._size >= TOGETHER_BYTES or self._rows + len(self._answers) == ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        if not self._answers:
            return
        if self._writer is None:
            self._writer = self._file.enter_context(_file(self._folder, next(self._numbers)).writing())
        usages = [answer.usage for answer in self._answers]
        self._writer.add_all(self._answers, counts_of_all(usages) or [counts_of(usage) for usage in usages])
        self._rows += len(self._answers)
        self._answers, self._size = [], 0
        if self._rows == ROWS or self._writer.size >= BYTES:
            self._file.close()
            self._writer, self._rows = None, 0


@contextmanager
def keeping_known(folder: Path) -> Iterator[KnownFiles]:
    """Write the files in a folder; what was added is in them when the block ends."""
    with ExitStack() as file:
        known = KnownFiles(folder, file)
        yield known
        known.flush()
