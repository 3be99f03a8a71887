"""Watchers of batches in Airflow's own triggerer: what ends is told at least once, whatever happens to triggerers."""

import json
import os
import re
import signal
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from system.rest import await_that
from system.triggerer import DATABASE, Triggerers
from system.watchers.dags.watchers import POLL_INTERVAL, WATCHED

from airflow_provider_groq.batches.events import BatchEvent
from airflow_provider_groq.demo.home import Home
from airflow_provider_groq.emulator import GroqEmulator
from airflow_provider_groq.hooks.groq import GroqHook

pytestmark = pytest.mark.system

DAGS = Path(__file__).with_name("watchers") / "dags"
OLD = 1_200
TWINS = {"one_twin", "other_twin"}
OF_OURS = {"every_end", "ours", *TWINS}
KEY = "gsk_a_key_that_nobody_must_see_0123456789"


class Watched:
    """What Airflow's database says of the watched assets."""

    def __init__(self, triggerers, log):
        self.triggerers = triggerers
        self._log = log
        self._database = triggerers.home.path / DATABASE
        self.triggerer = None

    def _ask(self, query):
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def start(self):
        """Start a triggerer; `triggerer` is the last that was."""
        self.triggerer = self.triggerers.start(self._log)

    def stop(self, number):
        self.triggerers.stop(self.triggerer, number)

    @contextmanager
    def frozen(self, process):
        """Freeze a triggerer while it writes nothing: SQLite lets no other write until a write has ended."""
        with self._writing():
            os.killpg(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGCONT)

    @contextmanager
    def _writing(self):
        """Be the one process that writes to Airflow's database."""
        with closing(sqlite3.connect(self._database, timeout=60, isolation_level=None)) as database:
            database.execute("begin exclusive")
            yield
            database.execute("rollback")

    def make(self, number):
        """Make batches that all but the watcher of failures tell of, and wait until they are watched."""
        ids = make(number, project="ours")
        await_that(lambda: set(ids) <= set(self.stored()["ours"]["under_way"]), "they are watched")
        return ids

    def are_told_once(self, ids):
        return all(sorted(one for one in self.told(name) if one in ids) == sorted(ids) for name in OF_OURS)

    def events(self):
        """The events of each asset, each with the batches that it tells of."""
        found = {name: [] for name in WATCHED}
        rows = self._ask("select name, e.extra from asset_event e join asset a on a.id = e.asset_id order by e.id")
        for name, extra in rows:
            assert extra.find(KEY) == -1
            event = json.loads(extra)
            assert event["from_trigger"] is True
            found[name].append([end.batch for end in BatchEvent.read(event["payload"]).ends])
        return found

    def told(self, name):
        """The ids that the events of an asset have told of, each as often as it was."""
        return [batch.id for event in self.events()[name] for batch in event]

    def await_told(self, ids, *names):
        await_that(lambda: all(set(ids) <= set(self.told(name)) for name in names), f"{names} tell of {ids}")

    def await_told_at_once(self, ids, name):
        """Return within hundredths of a second after the event that tells of the last of them."""
        seen = None
        while True:
            ((newest,),) = self._ask("select max(id) from asset_event")
            if newest != seen and set(ids) <= set(self.told(name)):
                return
            seen = newest
            time.sleep(0.01)

    def stored(self):
        """What is stored of each asset's watcher."""
        rows = self._ask("select name, value from asset_state_store s join asset a on a.id = s.asset_id")
        return {name: json.loads(value) for name, value in rows}

    def await_stored(self, ids):
        """Wait until it is stored that these have been told of, or are under way no more."""

        def there():
            stored = self.stored()
            return set(OF_OURS) <= set(stored) and all(
                not set(ids) & set(stored[name]["under_way"]) and set(ids) <= set(stored[name]["settled"])
                for name in OF_OURS
            )

        await_that(there, f"it is stored that {ids} are told")

    def triggers(self):
        return self._ask("select id from trigger order by id")

    def starts(self, name):
        """How often a triggerer has started the watcher of this asset."""
        ((trigger,),) = self._ask(f"select trigger_id from asset_watcher where name = '{name}_watcher'")  # noqa: S608 - a name of ours
        return len(re.findall(rf"trigger ID {trigger} starting\b", self.log()))

    def log(self):
        return Path(self._log.name).read_text()


def make(number, **metadata):
    """Make batches with this metadata."""
    request = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": request}
    with tempfile.TemporaryFile() as file, GroqHook() as hook:
        file.write(json.dumps(line).encode())
        file_id = hook.upload_file(file).id
        return [hook.create_batch(file_id, metadata=metadata or None).id for _ in range(number)]


@pytest.fixture(scope="module")
def groq():
    with GroqEmulator(seconds=1_000, api_key=KEY) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", emulator.connection_json)
        yield emulator


@pytest.fixture(scope="module")
def watched(groq, new_database, tmp_path_factory):
    """Watchers that have begun in an account with many old batches. A triggerer runs before and after each test."""
    make(OLD // 2)
    make(OLD // 2, project="ours")
    groq.advance(2_000)
    folder = tmp_path_factory.mktemp("watchers")
    settings = {"AIRFLOW__CORE__DAGS_FOLDER": str(DAGS), "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    home = Home(folder / "airflow", groq.connection_json)
    new_database(home.path)
    with (folder / "triggerer.log").open("wb") as log, Triggerers(home, **settings) as triggerers:
        watched = Watched(triggerers, log)
        watched.start()
        await_that(lambda: set(WATCHED) - set(watched.stored()) == {"of_no_connection"}, "all have begun")
        watched.old = set(watched.told("every_end"))
        yield watched
    assert [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []


def test_the_past_is_not_told(watched, groq):
    """What is stored of many old batches is bounded, and they are listed once, not at each poll."""
    assert watched.old == set()
    assert all(len(json.dumps(stored)) < 64_000 for stored in watched.stored().values())
    watched.make(2)
    groq.clear_requests()
    began = time.monotonic()
    time.sleep(3 * POLL_INTERVAL)
    polls = (time.monotonic() - began) / POLL_INTERVAL + 1
    assert 1 <= len(groq.requests("GET", "/batches")) <= 4 * polls


def test_an_end_is_told_within_an_interval_and_some_seconds_to_each_asset_that_wants_it(watched, groq):
    """Two assets with equal watchers share a trigger, and both are told."""
    triggers = watched.triggers()
    assert len(triggers) == len(WATCHED) - 1
    others, ours = make(3), watched.make(4)
    await_that(lambda: set(others) <= set(watched.stored()["every_end"]["under_way"]), "they are watched")
    groq.force_status(ours[0], "failed")
    groq.force_status(ours[1], "cancelled")
    groq.advance(2_000)
    ended = time.monotonic()
    of_twins = {ours[0], *ours[2:]}
    wanted = {"every_end": {*others, *ours}, "ours": {*ours}, "failures": {ours[0]}, **dict.fromkeys(TWINS, of_twins)}
    await_that(lambda: all(wanted[name] <= set(watched.told(name)) for name in wanted), "all are told")
    assert time.monotonic() - ended < POLL_INTERVAL + 60  # five where other tests leave the processors alone
    assert watched.triggers() == triggers
    for name, ids in wanted.items():
        assert sorted(one for one in watched.told(name) if one in {*ours, *others}) == sorted(ids)
    told = {batch.id: batch for event in watched.events()["failures"] for batch in event}
    assert (told[ours[0]].status, told[ours[0]].metadata) == ("failed", {"project": "ours"})


def test_what_ends_after_a_sigterm_is_told_once_by_the_next_triggerer(watched, groq):
    """Also what is made in that time."""
    ids = watched.make(3)
    watched.stop(signal.SIGTERM)
    ids += make(2, project="ours")
    groq.advance(2_000)
    watched.start()
    watched.await_told(ids, *OF_OURS)
    watched.await_stored(ids)
    assert watched.are_told_once(ids)


def test_killed_just_after_an_event_nothing_is_lost_and_it_may_be_told_twice(watched, groq):
    """The event is in the database, and what the watcher knows not yet. What ends later is told once."""
    ids = watched.make(2)
    groq.advance(2_000)
    watched.await_told_at_once(ids, "ours")
    watched.stop(signal.SIGKILL)
    more = make(2, project="ours")
    groq.advance(2_000)
    watched.start()
    watched.await_told(ids + more, *OF_OURS)
    watched.await_stored(more)
    assert watched.are_told_once(more)
    assert all(watched.told(name).count(one) <= 2 for name in OF_OURS for one in ids)


def test_a_second_triggerer_takes_over_and_loses_nothing(watched, groq):
    first, ids = watched.triggerer, watched.make(3)
    watched.start()
    watched.triggerers.stop(first, signal.SIGKILL)
    groq.advance(2_000)
    watched.await_told(ids, *OF_OURS)
    watched.await_stored(ids)
    assert watched.are_told_once(ids)


def test_a_triggerer_that_was_frozen_and_comes_back_loses_nothing(watched, groq):
    """Both may tell of the same."""
    first, ids = watched.triggerer, watched.make(3)
    with watched.frozen(first):
        watched.start()
        groq.advance(2_000)
        watched.await_told(ids, *OF_OURS)
    ids += watched.make(3)
    groq.advance(2_000)
    watched.await_told(ids, *OF_OURS)
    watched.triggerers.stop(first, signal.SIGKILL)


def test_a_connection_that_is_unknown_is_said_once_and_holds_up_no_other(watched):
    """Once after each start of the watcher: a triggerer that Airflow takes for dead loses it, and may get it back."""

    def said():
        return [line for line in watched.log().splitlines() if "groq_nowhere" in line and "[error" in line]

    await_that(said, "the connection is reported")
    lines, starts = said(), watched.starts("of_no_connection")
    assert len(lines) <= starts, lines
    assert all("Correct the connection" in line for line in lines)
