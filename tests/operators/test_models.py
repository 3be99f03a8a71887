"""The models that an input names are compared with those that the key may use, before anything is uploaded."""

import json

import pytest

from airflow_provider_groq.compat import AirflowFailException

RETIRED = {"model": "llama-3.1-8b-instant", "messages": [{"role": "user", "content": "Hello"}]}
LIVING = RETIRED | {"model": "openai/gpt-oss-20b"}
REQUESTS = [{"custom_id": "a", "body": LIVING}, {"custom_id": "b", "body": RETIRED}]


@pytest.fixture
def as_groq(groq_emulator, monkeypatch):
    """The emulator is taken for Groq's own host."""
    monkeypatch.setattr("airflow_provider_groq.api.settings.GROQ_HOST", "127.0.0.1")


def uploads(groq_emulator):
    return groq_emulator.requests("POST")


@pytest.mark.usefixtures("as_groq")
def test_groq_does_not_have_a_model_that_it_does_not_list(create, context, groq_emulator):
    told = r"line 2: body.model is 'llama-3.1-8b-instant' \(nearest: .*openai/gpt-oss-.*Nothing was uploaded"
    with pytest.raises(AirflowFailException, match=f"GroqInputError: The input names models .* {told}"):
        create(requests=REQUESTS).execute(context)
    assert not uploads(groq_emulator)


def test_another_server_may_have_it_all_the_same(create, context, groq_emulator, capfd):
    assert create(requests=REQUESTS, wait_for_completion=False).execute(context)
    log = "".join(capfd.readouterr())
    assert "does not list models that the input names: line 2: body.model is 'llama-3.1-8b-instant'" in log


@pytest.mark.usefixtures("as_groq")
def test_the_connection_can_turn_it_off(create, context, groq_emulator, monkeypatch):
    connection = json.loads(groq_emulator.connection_json) | {"extra": {"check_models": False}}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(connection))
    assert create(requests=REQUESTS, wait_for_completion=False).execute(context)
    assert not groq_emulator.requests(path="/models")


@pytest.mark.usefixtures("as_groq", "quick_retries")
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"drop": "before"}, {"body": "-"}])
def test_a_listing_that_cannot_be_had_is_no_reason_to_fail(create, context, groq_emulator, capfd, fault):
    groq_emulator.fault("/models", times=None, **fault)
    assert create(requests=REQUESTS, wait_for_completion=False).execute(context)
    assert "The models of the input could not be checked; continuing without the check: GET /models" in "".join(
        capfd.readouterr()
    )


@pytest.mark.usefixtures("as_groq")
def test_a_wrong_key_is_told_before_anything_is_uploaded(create, context, groq_emulator):
    groq_emulator.fault("/models", times=None, status=401)
    with pytest.raises(AirflowFailException, match="GroqAuthenticationError"):
        create(requests=REQUESTS).execute(context)
    assert not uploads(groq_emulator)


@pytest.mark.usefixtures("as_groq")
def test_what_is_not_read_is_not_checked(create, context, groq_emulator, make_batch):
    """An input file that is at Groq already; a batch that an earlier try has made."""
    make_batch()
    (file,) = groq_emulator.files()
    groq_emulator.clear_requests()
    create(input_file_id=file["id"], wait_for_completion=False).execute(context)
    assert not groq_emulator.requests(path="/models")
