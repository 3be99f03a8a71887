"""What a watcher knows, what it tells, and what it stores."""

import json

import pytest

from airflow_provider_groq.batches.events import MAX_EVENT_CHARS, BatchEvent
from airflow_provider_groq.batches.polling import RESULTS_GRACE
from airflow_provider_groq.batches.watch import GONE_AFTER, MOST_SETTLED, MOST_UNDATED, YOUNG, Memory, Wanted, Watch
from airflow_provider_groq.exceptions import GroqInputError

NOW = 1_700_000_000
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


@pytest.fixture
def begun():
    """A watch that has begun with no batches."""

    def make(metadata=None, statuses=ENDED, since=NOW):
        return Watch(Wanted(metadata or {}, frozenset(statuses)), Memory(since=since))

    return make


def told(watch):
    payload = watch.tell()
    return [end.batch_id for end in BatchEvent.read(payload).ends] if payload else []


def test_an_end_is_told_once_however_often_it_is_seen(make, begun):
    watch, ended = begun(), make("completed", id="a", created_at=NOW)
    for _ in range(3):
        watch.see([ended], NOW)
    assert (watch.has_news, told(watch), watch.has_news) == (True, ["a"], False)
    watch.see([ended], NOW)
    assert told(watch) == []


def test_all_of_the_metadata_must_be_there_and_more_may_be(make, begun):
    watch = begun({"team": "a", "env": "prod"})
    cases = [{"team": "a"}, {"team": "a", "env": "prod", "x": "y"}, {"team": "b", "env": "prod"}, {}]
    watch.see([make("failed", id=str(n), created_at=NOW, metadata=each) for n, each in enumerate(cases)], NOW)
    assert told(watch) == ["1"]


def test_a_batch_that_ends_otherwise_is_settled(make, begun):
    watch = begun(statuses={"failed"})
    watch.see([make("in_progress", id="a", created_at=NOW)], NOW)
    assert watch.asked_for == ["a"]
    watch.see([make("completed", id="a", created_at=NOW)], NOW)
    assert (told(watch), watch.asked_for) == ([], [])
    assert watch.memory() == Memory(since=NOW, settled={"a": NOW})


def test_what_is_not_told_yet_is_stored_as_under_way(make, begun):
    """So it is told after a crash."""
    watch = begun()
    watch.see([make("completed", id="a", created_at=NOW)], NOW)
    assert watch.memory().under_way == ("a",)
    assert watch.asked_for == []
    told(watch)
    assert watch.memory() == Memory(since=NOW, settled={"a": NOW})


def test_an_end_waits_for_its_result_files_but_not_for_ever(make, begun):
    watch = begun()
    bare = make("completed", (2, 2, 0), id="a", created_at=NOW, output_file_id=None)
    watch.see([bare], NOW)
    watch.see([bare], NOW + RESULTS_GRACE - 1)
    assert told(watch) == []
    watch.see([bare], NOW + RESULTS_GRACE)
    assert told(watch) == ["a"]


def test_old_batches_are_settled_unless_they_were_under_way(make):
    watch = Watch(Wanted({}, ENDED), Memory(since=NOW, under_way=("slow",), settled={"b": NOW + 1}))
    watch.see([make("completed", id=name, created_at=NOW - 1) for name in ("old", "slow")], NOW)
    watch.see([make("completed", id=name, created_at=NOW + 1) for name in ("b", "new")], NOW)
    assert told(watch) == ["slow", "new"]


def test_what_is_remembered_of_a_server_that_gives_no_times_has_an_end(make, begun, monkeypatch):
    """What was forgotten is told of again rather than never."""
    monkeypatch.setattr("airflow_provider_groq.batches.watch.MOST_REMEMBERED", 100)
    watch, seen = begun(since=0), []
    for first in range(0, 1_000, 20):
        watch.see([make("completed", id=f"u{n}", created_at=None) for n in range(first, first + 20)], NOW)
        seen += told(watch)
    assert seen == [f"u{n}" for n in range(1_000)]
    assert len(watch._settled) + len(watch._undated) == 100
    watch.see([make("completed", id=f"u{n}", created_at=None) for n in (999, 900, 899)], NOW)
    assert told(watch) == ["u899"]
    watch.see([make("in_progress", id="u1", created_at=None)], NOW)
    assert watch.asked_for == ["u1"]


def test_what_is_stored_stays_small_and_is_json(make, begun):
    watch = begun(since=0)
    watch.see([make("completed", id=f"b{n}", created_at=NOW + n) for n in range(5 * MOST_SETTLED)], NOW)
    watch.see([make("completed", id=f"u{n}", created_at=None) for n in range(MOST_UNDATED + 10)], NOW)
    while told(watch):
        pass
    memory = watch.memory()
    dated = [made for made in memory.settled.values() if made]
    assert (len(dated), len(memory.settled) - len(dated)) == (MOST_SETTLED, MOST_UNDATED)
    assert memory.since <= min(dated)
    assert Memory.joined([json.loads(json.dumps(memory.stored()))]) == memory
    again = Watch(Wanted({}, ENDED), memory)
    again.see([make("completed", id=f"b{n}", created_at=NOW + n) for n in range(5 * MOST_SETTLED)], NOW)
    assert told(again) == []
    watch.listed(NOW + 5 * MOST_SETTLED)
    assert min(made for made in watch.memory().settled.values() if made) >= NOW + 5 * MOST_SETTLED - YOUNG


def test_a_batch_that_is_back_is_not_given_up(make, begun):
    watch = begun()
    watch.see([make("in_progress", id="a", created_at=NOW)], NOW)
    assert not watch.missing("a", NOW)
    watch.see([make("in_progress", id="a", created_at=NOW)], NOW + 10)
    assert not watch.missing("a", NOW + GONE_AFTER)
    assert not watch.missing("a", NOW + 2 * GONE_AFTER - 1)
    assert watch.missing("a", NOW + 2 * GONE_AFTER)
    assert watch.asked_for == []


def test_of_several_stores_nothing_is_settled_that_one_of_them_has_not():
    one = Memory(since=NOW, under_way=("a",), settled={"b": NOW, "c": None})
    other = Memory(since=NOW - 5, under_way=("d", "a"), settled={"b": NOW, "e": NOW, "f": NOW - 3})
    assert Memory.joined([None, None]) is None
    assert Memory.joined([None, one.stored()]) == one
    both = Memory(since=NOW - 5, under_way=("a", "d"), settled={"b": NOW, "f": NOW - 3})
    assert Memory.joined([one.stored(), None, other.stored()]) == both


@pytest.mark.parametrize("stored", [1, "x", [], {}, {"since": "soon"}, {"since": 1, "under_way": [None]}])
def test_what_cannot_be_read_is_an_error(stored):
    with pytest.raises(GroqInputError, match="cannot be read"):
        Memory.joined([stored])


def test_an_event_is_no_longer_than_it_may_be_and_the_rest_comes_in_the_next(make, begun):
    watch = begun()
    metadata = {f"key{n}": 400 * "v" for n in range(5)}
    ids = [f"b{n:03}" for n in range(200)]
    watch.see([make("completed", id=name, created_at=NOW, metadata=metadata) for name in ids], NOW)
    payloads = list(iter(watch.tell, None))
    assert all(len(json.dumps(payload)) <= MAX_EVENT_CHARS for payload in payloads)
    assert len(payloads) == 200 * 2_400 // MAX_EVENT_CHARS + 1
    ends = [end for payload in payloads for end in BatchEvent.read(payload).ends]
    assert [end.batch_id for end in ends] == ids
    assert all(end.batch.metadata == metadata for end in ends)


def test_a_batch_that_is_longer_than_an_event_is_told_without_metadata_and_errors(make, begun):
    watch = begun()
    errors = [{"code": "x", "message": 500 * "\N{WAVING HAND SIGN}", "line": n} for n in range(20)]
    watch.see([make("failed", id="a", created_at=NOW, errors=errors, metadata={"k": 15_000 * "ä"})], NOW)
    payload = watch.tell()
    assert len(json.dumps(payload)) < 1_000
    (end,) = BatchEvent.read(payload).ends
    assert (end.batch_id, end.batch.status) == ("a", "failed")
