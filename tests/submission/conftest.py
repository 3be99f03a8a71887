"""Tries of a task that makes many batches, as a job of many shards does."""

import copy
import io
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from tries import Store, TaskInstance, context_of

from airflow_provider_groq.batches.identity import INPUT_KEY, Claim, Identity
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.storage.inputs import Input
from airflow_provider_groq.submission.kill import Guard
from airflow_provider_groq.submission.state_store import StateStore
from airflow_provider_groq.submission.submit import Submission

IDENTITY = Identity("dag", "create", "run")
OVER = {"cancelling", "cancelled"}


class Folder:
    """A journal as jobs have it: a file, and the task state store, where there is one, to ask who counts."""

    legible = True

    def __init__(self, entries, context):
        self._entries = entries
        self._store = StateStore(context)

    def read(self, claims):
        return {claim: self._entries[claim] for claim in claims if claim in self._entries}

    def record(self, entries):
        taken = self._store.record({})
        self._entries |= entries
        return taken


class Watched:
    """A journal, and what it was told."""

    def __init__(self, journal):
        self._journal = journal
        self.threads, self.times = set(), []
        self.read = journal.read

    @property
    def legible(self):
        return self._journal.legible

    def record(self, entries):
        self.threads.add(threading.current_thread())
        self.times.append(time.monotonic())
        return self._journal.record(entries)


class Many:
    """One try after another of a task with a number of shards, each as a new process would run it.

    Attributes:
        rows: What is in the task state store.
        entries: What is in the file of the work folder.
        stores: The store as each try sees it.
        journals: The journal of each try.
        most_at_once: How many uploads there were at the same time at the most.
        uploaders: The threads that uploaded.
    """

    def __init__(self, number, *, stored, folder):
        self.claims = [Claim(IDENTITY, f"{index:032x}", "1.1") for index in range(number)]
        self._stored, self._folder = stored, folder
        self._run_after = datetime.now(UTC) - timedelta(hours=3)
        self._uploading = Counter()
        self.rows, self.entries = {}, {}
        self.stores, self.journals, self.guards, self.tis = [], [], [], []
        self.most_at_once, self.uploaders = 0, set()

    def run(self, claims=None):
        """Run the next try; the id of the batch of each claim."""
        claims = self.claims if claims is None else claims
        ti = TaskInstance()
        ti.try_number = len(self.stores) + 1
        store = Store(self.rows)
        context = context_of(ti, self._run_after, store if self._stored else None)
        journal = Watched(Folder(self.entries, context) if self._folder else StateStore(context))
        with GroqHook() as hook:
            superseded = StateStore(context).superseded
            guard = Guard(context, hook.get_conn().settings, superseded=superseded, cancel_on_kill=True)
            for of_each, this in zip(
                (self.journals, self.guards, self.tis, self.stores), (journal, guard, ti, store), strict=True
            ):
                of_each.append(this)
            submission = Submission(
                hook,
                claims,
                journal=journal,
                guard=guard,
                first_try=ti.try_number == 1,
                since=self._run_after.timestamp(),
            )
            found = submission.find()
            sources = {claim: self._input(hook, claim) for claim in claims if claim not in found}
            made = submission.create(sources, metadata={"team": "data"}) if sources else {}
            guard.check()
        return {claim: batch.id for claim, batch in (found | made).items()}

    def begin(self):
        """Run the next try in a thread; the answer waits for its end and returns its result, or its error."""
        ended, number = [], len(self.stores)

        def run():
            try:
                ended.append(self.run())
            except GroqError as error:
                ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while len(self.stores) == number:
            time.sleep(0.005)

        def end():
            thread.join()
            return ended[0]

        return end

    def keep(self):
        """What is written down now; `restore` is as if the try had been killed at this moment."""
        return copy.deepcopy((self.rows, self.entries))

    def restore(self, kept):
        self.rows.clear()
        self.entries.clear()
        self.rows |= kept[0]
        self.entries |= kept[1]

    def forget(self, claims=None):
        """As if the try had been killed before it wrote down anything of these claims."""
        for claim in self.claims if claims is None else claims:
            self.entries.pop(claim, None)
            self.rows.pop(f"groq_batch_{claim.input_key}_1.1", None)

    def _input(self, hook, claim):
        body = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": claim.input_key}]}
        row = {"custom_id": claim.input_key, "method": "POST", "url": "/v1/chat/completions", "body": body}
        content = json.dumps(row).encode() + b"\n"

        def upload(name):
            self._uploading["now"] += 1
            self.most_at_once = max(self.most_at_once, self._uploading["now"])
            self.uploaders.add(threading.current_thread())
            try:
                return hook.upload_file(io.BytesIO(content), filename=name).id
            finally:
                self._uploading["now"] -= 1

        return Input(claim.input_digest, "part", len(content), upload)


@pytest.fixture(
    params=[(True, False), (True, True), (False, True), (False, False)],
    ids=["in the store", "in a folder with a store", "in a folder", "nowhere"],
)
def make_many(request, groq_emulator, quick, monkeypatch):
    """Makes tries of a task with so many shards, which write down what they do there."""
    monkeypatch.setattr("airflow_provider_groq.submission.wave.CONFIRMED_FOR", 0.1)
    groq_emulator.set(seconds=1000)
    stored, folder = request.param
    return lambda number: Many(number, stored=stored, folder=folder)


@pytest.fixture
def make_stored_many(groq_emulator, quick):
    """The same, as jobs have it on an Airflow with a task state store."""
    groq_emulator.set(seconds=1000)
    return lambda number: Many(number, stored=True, folder=True)


@pytest.fixture
def running(groq_emulator):
    """The batches that nobody has cancelled, by input."""

    def running():
        alive = [batch for batch in groq_emulator.batches() if batch["status"] not in OVER]
        by_input = {}
        for batch in alive:
            files = {file["id"]: file["filename"] for file in groq_emulator.files()}
            by_input.setdefault(files[batch["input_file_id"]].split(".")[2], []).append(batch["id"])
            assert not batch["metadata"] or batch["metadata"][INPUT_KEY] in by_input
        return by_input

    return running


@pytest.fixture
def assert_one_each(running):
    """Asserts that each claim has exactly this batch running."""

    def check(made):
        assert running() == {claim.input_key: [batch_id] for claim, batch_id in made.items()}

    return check
