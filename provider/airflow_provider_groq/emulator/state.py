"""All that the emulator knows, and what can be done to it."""

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_groq.emulator.answers import Answers
from airflow_provider_groq.emulator.batches import SCRIPTED_ERRORS, Batch, Results
from airflow_provider_groq.emulator.clock import Clock
from airflow_provider_groq.emulator.faults import Faults
from airflow_provider_groq.emulator.files import Files, StoredFile
from airflow_provider_groq.emulator.ids import new_id
from airflow_provider_groq.emulator.log import RequestLog
from airflow_provider_groq.emulator.results import Job, Writing
from airflow_provider_groq.emulator.scripts import Sightings
from airflow_provider_groq.emulator.settings import Settings
from airflow_provider_groq.emulator.timeline import (
    TERMINAL,
    WITH_RESULTS,
    Cancel,
    Forced,
    plan,
    unfinished_plan,
)
from airflow_provider_groq.emulator.validation import FAILED, Scan, scan

COUNTING = {"failing_requests", "answers"}
"""The settings of which something depends on how often a request was seen."""


class State:
    """Accounts, files, batches, the clock, settings, faults and the request log.

    An account is a key: what one key made, another does not see.

    Args:
        folder: An empty folder for files.
        settings: What the settings are at the start and after every reset.
        api_key: The only good key; None if any will do.
    """

    def __init__(self, folder: Path, settings: Settings, api_key: str | None = None) -> None:
        self._folder = folder
        self._folders: list[Path] = []
        self._initial_settings = settings
        self.api_key = api_key
        self.stopping = asyncio.Event()
        self.clock = Clock(settings.speed)
        self.log = RequestLog()
        self.reset()

    def reset(self) -> None:
        """Start over, as if just started."""
        # The files of the last test stay for one more: a request that it left behind may be reading them.
        for old in self._folders[:-1]:
            shutil.rmtree(old, ignore_errors=True)
        self._folders = [*self._folders[-1:], Path(tempfile.mkdtemp(dir=self._folder))]
        self.settings = self._initial_settings
        self.sightings = {name: Sightings() for name in COUNTING}
        self._outcomes: deque[str] = deque()
        self.clock.reset(self.settings.speed)
        self.files = Files(self._folders[-1], self.clock)
        self.batches: dict[str, Batch] = {}
        self.faults = Faults()
        self.log.clear()

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Change settings by name.

        Raises:
            ValueError: A name is unknown, or a value is not of the setting's kind.
        """
        self.settings = self.settings.updated(changes)
        self.clock.speed = self.settings.speed
        for name in COUNTING & set(changes):
            self.sightings[name] = Sightings()
        if "outcomes" in changes:
            self._outcomes = deque(self.settings.outcomes)

    def create_batch(
        self,
        account: str,
        input_file: StoredFile,
        endpoint: str,
        window: tuple[str, float],
        metadata: dict[str, str] | None,
    ) -> Batch:
        """Take in a batch; its input file is checked later.

        Args:
            account: Whose it is.
            input_file: Its requests.
            endpoint: Its endpoint.
            window: The completion window, as written and in seconds.
            metadata: Its metadata.
        """
        now = self.clock.now()
        settings = self.settings
        outcome = self._outcomes.popleft() if self._outcomes else settings.outcome
        batch = Batch(
            id=new_id("batch", now),
            account=account,
            endpoint=endpoint,
            completion_window=window[0],
            metadata=metadata,
            input_file=input_file,
            plan=plan(now, window[1], settings.seconds),
            answers=Answers(settings, self.sightings),
            max_lines=settings.max_lines,
            scripted_error=SCRIPTED_ERRORS.get(outcome),
            results_delay=settings.results_delay,
        )
        if outcome == "expired":
            batch.plan = unfinished_plan(now, settings.seconds, settings.seconds, settings.processed_share)
        elif outcome == "cancelled":
            takes = min(settings.cancelling_seconds, settings.seconds / 2)
            batch.plan = unfinished_plan(now, window[1], settings.seconds - takes, settings.processed_share)
            batch.cancel = Cancel(batch.plan.working_until, takes)
        self.batches[batch.id] = batch
        return batch

    def newest_batches(self, account: str | None = None) -> list[Batch]:
        """Return the batches of one account or of all."""
        batches = reversed(self.batches.values())
        return [batch for batch in batches if account is None or batch.account == account]

    async def show(self, batch: Batch) -> dict[str, Any]:
        """Return a batch as Groq shows it now."""
        now = self.clock.now()
        await self.settle(batch, now)
        return batch.view(now, self.settings)

    async def settle(self, batch: Batch, now: float) -> None:
        """Check the input file of a batch and give it its results, each once and as soon as it is due."""
        if not batch.needs_scan(now) and not batch.needs_results(now):
            return
        async with batch.lock:
            if batch.needs_scan(now):
                batch.scan = await asyncio.to_thread(_checked, batch)
            if batch.needs_results(now):
                self._add_results(batch, now)

    def _add_results(self, batch: Batch, now: float) -> None:
        then = batch.at(now)
        status, processed = batch.ending(then)
        if batch.scan is None:
            raise RuntimeError(f"{batch.id} was to have results before its input was checked")
        started_at, ended_at = then.times["in_progress_at"], then.times[f"{status}_at"]
        job = Job(batch.id, batch.input_file.path, batch.scan, batch.answers, status, processed, started_at)
        (output_id, output), (errors_id, errors) = self.files.new_path(), self.files.new_path()
        writing = Writing(job, output, errors)

        def add(kind: str, file_id: str, path: Path) -> StoredFile:
            name = f"{batch.id}_{kind}.jsonl"
            return self.files.add(
                StoredFile(file_id, batch.account, name, "batch_output", ended_at, path, writing.ensure)
            )

        batch.results = Results(
            status,
            processed,
            add("output", output_id, output) if job.has_output else None,
            add("error", errors_id, errors) if job.has_errors else None,
            ended_at + batch.results_delay,
        )

    async def cancel(self, batch: Batch) -> str:
        """Begin to cancel a batch unless that is done or too late; return its status before."""
        now = self.clock.now()
        await self.settle(batch, now)
        status = batch.at(now).status
        if status not in TERMINAL and status != "cancelling":
            batch.forced = None
            batch.cancel = Cancel(now, self.settings.cancelling_seconds)
        return status

    async def force(self, batch: Batch, forced: Forced | None) -> None:
        """Set a batch's status, or with None let the clock decide again.

        Raises:
            ValueError: The batch cannot end in this way because its input file is invalid.
        """
        now = self.clock.now()
        await self.settle(batch, max(now, batch.plan.in_progress_at))
        invalid = batch.scan is not None and bool(batch.scan.errors)
        if forced is not None and invalid and (forced.status in WITH_RESULTS or forced.failed_midway):
            raise ValueError(f"{batch.id} can only fail: its input file is invalid")
        batch.forced = forced


def _checked(batch: Batch) -> Scan:
    """Check a batch's input file; the requests of a batch that fails are not sent, so nothing is decided about them."""
    path, seed, max_lines = batch.input_file.path, batch.id, batch.max_lines
    if batch.scripted_error is not None:
        return scan(path, seed=seed, max_lines=max_lines, decide=lambda _: FAILED)
    with batch.answers.deciding() as decide:
        return scan(path, seed=seed, max_lines=max_lines, decide=decide)
