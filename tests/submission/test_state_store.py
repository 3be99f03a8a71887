"""What is written down for the next try: under a name that people can read, and found where earlier versions put it."""

import itertools
from types import SimpleNamespace

import pytest
from tries import Store, context_of

from airflow_provider_groq.batches.identity import Claim, Identity
from airflow_provider_groq.exceptions import TaskStoppedError
from airflow_provider_groq.submission.state_store import StateStore

IDENTITY = Identity("dag", "create", "run")
ONE, OTHER = Claim(IDENTITY, "1" * 64), Claim(IDENTITY, "2" * 64)
ENTRY = {"input_file_id": "file_1", "batch_id": "batch_1"}
LATER = {"input_file_id": "file_2", "batch_id": "batch_2"}


@pytest.fixture
def open_store(ti, store):
    """The store as another try sees it."""
    return lambda: StateStore(context_of(ti, ti.start_date, Store(store.rows)))


def test_the_batch_stands_under_a_plain_name_with_what_tells_its_input(open_store, store):
    assert open_store().record({ONE: ENTRY})
    written_at = store.rows["groq_batch"].pop("written_at")
    assert written_at.endswith(" UTC")
    assert store.rows == {"groq_batch": ENTRY | {"input": ONE.input_key}}
    assert open_store().read([ONE]) == {ONE: ENTRY}


def test_nothing_is_said_of_another_input(open_store):
    open_store().record({ONE: ENTRY})
    assert open_store().read([OTHER]) == {}


def test_what_an_earlier_version_wrote_is_read(open_store, store):
    store.rows[f"groq_batch_{ONE.input_key}"] = ENTRY
    assert open_store().read([ONE]) == {ONE: ENTRY}
    assert open_store().record({ONE: LATER})
    assert open_store().read([ONE]) == {ONE: LATER}


def test_the_batch_of_an_earlier_input_is_kept(open_store, store):
    """A task that is cleared may have another input, and then the first one again."""
    open_store().record({ONE: ENTRY})
    open_store().record({OTHER: LATER})
    assert store.rows["groq_batch"]["batch_id"] == "batch_2"
    assert open_store().read([ONE, OTHER]) == {ONE: ENTRY, OTHER: LATER}
    newest = {"input_file_id": "file_3", "batch_id": "batch_3"}
    open_store().record({ONE: newest})
    assert open_store().read([ONE, OTHER]) == {ONE: newest, OTHER: LATER}


def test_an_earlier_input_is_not_overwritten_where_it_cannot_be_kept(open_store, store, ti):
    open_store().record({ONE: ENTRY})

    class Full(Store):
        def set(self, key, value):
            if key != "groq_batch":
                raise self._refusal(None)
            super().set(key, value)

    assert not StateStore(context_of(ti, ti.start_date, Full(store.rows))).record({OTHER: LATER})
    assert open_store().read([ONE, OTHER]) == {ONE: ENTRY}


def test_what_cannot_be_read_is_not_overwritten(open_store, store, ti):
    open_store().record({ONE: ENTRY})

    deaf = StateStore(context_of(ti, ti.start_date, Deaf(store.rows)))
    assert deaf.read([OTHER]) == {}
    assert not deaf.legible
    assert deaf.record({OTHER: LATER})
    assert open_store().read([ONE, OTHER]) == {ONE: ENTRY, OTHER: LATER}


class Deaf(Store):
    """A store that cannot be read."""

    def get(self, *_):
        raise self._refusal(None)


@pytest.fixture
def passing(monkeypatch):
    """A clock on which a second passes whenever somebody looks."""
    seconds = itertools.count(1_790_000_000)
    passing = SimpleNamespace(time=lambda: next(seconds))
    monkeypatch.setattr("airflow_provider_groq.submission.state_store.time", passing)


@pytest.mark.usefixtures("passing")
def test_what_was_written_while_nothing_could_be_read_holds_against_what_is_older(open_store, store, ti):
    open_store().record({ONE: ENTRY})
    assert StateStore(context_of(ti, ti.start_date, Deaf(store.rows))).record({ONE: LATER})
    assert open_store().read([ONE]) == {ONE: LATER}

    newest = {"input_file_id": "file_3", "batch_id": "batch_3"}
    assert open_store().record({ONE: newest})
    assert open_store().read([ONE]) == {ONE: newest}


@pytest.mark.usefixtures("passing")
def test_such_an_entry_is_not_replaced_by_the_older_one_when_another_input_takes_its_place(open_store, store, ti):
    open_store().record({ONE: ENTRY})
    StateStore(context_of(ti, ti.start_date, Deaf(store.rows))).record({ONE: LATER})
    open_store().record({OTHER: ENTRY})
    assert open_store().read([ONE, OTHER]) == {ONE: LATER, OTHER: ENTRY}


def test_a_try_that_was_given_up_writes_nothing(open_store, store, ti):
    store.given_up = True
    given_up = StateStore(context_of(ti, ti.start_date, store))
    assert given_up.superseded()
    with pytest.raises(TaskStoppedError):
        given_up.record({ONE: ENTRY})
    assert store.rows == {}


def test_whether_a_try_counts_is_asked_with_a_key_that_says_when(open_store, store):
    assert not open_store().superseded()
    assert open_store().record({})
    (key,) = store.rows
    assert key == "groq_alive_at"
    assert store.rows[key].endswith(" UTC")


@pytest.mark.parametrize("value", ["text", 7, ["list"], {"batch_id": "batch_9"}, {"input": 7}])
def test_a_value_that_somebody_has_edited_is_no_entry(open_store, store, value):
    """Airflow's page lets people do that."""
    store.rows["groq_batch"] = value
    assert open_store().read([ONE]) == {}
    assert open_store().record({ONE: ENTRY})
    assert open_store().read([ONE]) == {ONE: ENTRY}
