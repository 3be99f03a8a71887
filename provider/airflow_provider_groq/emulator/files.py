"""The files that accounts have uploaded and that batches have written, kept on disk."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_groq.emulator.clock import Clock
from airflow_provider_groq.emulator.ids import new_id

LIFETIME = 30 * 86400
"""How long files are kept (s)."""


@dataclass(frozen=True)
class StoredFile:
    """A file and where its bytes are.

    `write` puts them there when they are first wanted; None for a file that was uploaded.
    """

    id: str
    account: str
    filename: str
    purpose: str
    created_at: float
    path: Path
    write: Callable[[], None] | None = None

    async def written(self) -> Path:
        """Return the path when the bytes are there."""
        if self.write is not None:
            await asyncio.to_thread(self.write)
        return self.path

    async def view(self) -> dict[str, Any]:
        """Return the file as Groq shows it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": (await self.written()).stat().st_size,
            "created_at": int(self.created_at),
            "filename": self.filename,
            "purpose": self.purpose,
        }


class Files:
    """All files of all accounts.

    A deleted file's bytes stay until the emulator is reset or stops: a running batch may be reading them.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def new_path(self) -> tuple[str, Path]:
        """Return the id of a file to be, and where to write it."""
        file_id = new_id("file", self._clock.now())
        return file_id, self._folder / file_id

    def add(self, file: StoredFile) -> StoredFile:
        """Take in a file."""
        self._files[file.id] = file
        return file

    def get(self, file_id: str) -> StoredFile | None:
        """Return a file of any account, or None if there is none or its time is over."""
        file = self._files.get(file_id)
        if file is None or self._clock.now() - file.created_at > LIFETIME:
            return None
        return file

    def delete(self, file_id: str) -> None:
        """Forget a file."""
        del self._files[file_id]

    def newest_first(self) -> Iterator[StoredFile]:
        """Yield the files of all accounts."""
        for file_id in reversed(list(self._files)):
            file = self.get(file_id)
            if file is not None:
                yield file
