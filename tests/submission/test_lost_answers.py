"""A creation whose answer is lost is resolved by looking, and never sent again blindly."""

import pytest

from airflow_provider_groq.exceptions import GroqLookupError

TOOK_EFFECT = [
    {"drop": "after"},
    {"status": 500, "takes_effect": True},
    {"status": 502, "takes_effect": True, "body": "<html>Bad Gateway</html>", "content_type": "text/html"},
    {"status": 504, "takes_effect": True},
    {"takes_effect": True, "body": '{"id": "batc'},
]
DID_NOT = [{"drop": "before"}, {"status": 500}, {"status": 502, "body": "<html>", "content_type": "text/html"}]


def posts(groq_emulator):
    return len(groq_emulator.requests("POST", "/batches"))


@pytest.mark.parametrize("drop_metadata", [False, True])
@pytest.mark.parametrize("fault", TOOK_EFFECT, ids=str)
@pytest.mark.parametrize("reattach", [True, False])
def test_a_batch_that_was_made_is_found(tries, groq_emulator, fault, drop_metadata, reattach):
    groq_emulator.set(drop_metadata=drop_metadata)
    groq_emulator.fault("/batches", method="POST", **fault)
    batch_id = tries.run(reattach=reattach)
    assert [batch["id"] for batch in groq_emulator.batches()] == [batch_id]
    assert posts(groq_emulator) == 1


@pytest.mark.parametrize("fault", DID_NOT, ids=str)
def test_a_batch_that_was_not_made_is_made_after_looking(tries, groq_emulator, fault):
    groq_emulator.fault("/batches", method="POST", **fault)
    batch_id = tries.run()
    assert [batch["id"] for batch in groq_emulator.batches()] == [batch_id]
    posted = [f"{r.method} {r.path.removeprefix('/openai/v1')}" for r in groq_emulator.requests()]
    again = [i for i, request in enumerate(posted) if request == "POST /batches"]
    assert len(again) == 2
    assert "GET /batches" in posted[again[0] : again[1]]


def test_a_batch_that_is_in_the_listing_late_is_found(tries, groq_emulator):
    groq_emulator.set(listing_delay=0.15)
    groq_emulator.fault("/batches", method="POST", drop="after")
    batch_id = tries.run()
    assert [batch["id"] for batch in groq_emulator.batches()] == [batch_id]


def test_an_answer_that_is_lost_again_and_again_is_left_to_the_next_try(tries, groq_emulator):
    groq_emulator.fault("/batches", method="POST", drop="before", times=3)
    with pytest.raises(GroqLookupError, match="was lost .* This happened 3 times, and no batch was found") as caught:
        tries.run()
    assert caught.value.retryable
    assert not groq_emulator.batches()
    assert tries.run() == groq_emulator.batches()[0]["id"]
    assert len(groq_emulator.batches()) == 1


@pytest.mark.usefixtures("quick_retries")
def test_where_nobody_can_look_the_next_try_does(tries, groq_emulator):
    groq_emulator.fault("/batches", method="POST", drop="after")
    groq_emulator.fault("/batches", method="GET", status=503, times=6)
    with pytest.raises(GroqLookupError, match="Could not look up whether"):
        tries.run()
    assert tries.run() == groq_emulator.batches()[0]["id"]
    assert posts(groq_emulator) == len(groq_emulator.batches()) == 1


def test_a_lost_answer_for_a_file_that_another_batch_has_too_is_told_from_it(tries, groq_emulator, make_batch):
    others = make_batch()
    (file,) = groq_emulator.files()
    groq_emulator.fault("/batches", method="POST", drop="after")
    batch_id = tries.run(input_file_id=file["id"])
    assert batch_id != others
    assert len(groq_emulator.batches()) == 2


def test_a_cancelled_batch_of_the_same_file_is_not_taken_for_the_lost_one(tries, groq_emulator):
    first = tries.run()
    groq_emulator.force_status(first, "cancelled")
    groq_emulator.fault("/batches", method="POST", drop="before")
    second = tries.run()
    assert second != first
    assert len(groq_emulator.batches()) == 2
