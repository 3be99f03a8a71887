"""What tests script for single requests: failures and answers by pattern of `custom_id`."""

import json
import re

import pytest

from airflow_provider_groq.emulator import EmulatorError

AUDIO = {"model": "whisper-large-v3", "url": "https://example.com/a.mp3", "messages": None}


def message(entry):
    return entry["response"]["body"]["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("code", "status", "kind", "says"),
    [
        ("json_validate_failed", 400, "invalid_request_error", "Failed to generate JSON"),
        ("model_not_found", 404, "invalid_request_error", "The model `openai/gpt-oss-20b` does not exist"),
        ("rate_limit_exceeded", 429, "tokens", "Rate limit reached for model `openai/gpt-oss-20b`"),
        ("capacity_exceeded", 498, "capacity_exceeded", "over capacity"),
        ("internal_server_error", 500, "internal_server_error", "Internal Server Error"),
        ("service_unavailable", 503, "internal_server_error", "Service Unavailable"),
    ],
)
def test_a_request_fails_with_the_error_code_that_is_asked_for(groq_emulator, account, line, code, status, kind, says):
    groq_emulator.set(failing_requests={"bad-*": code})
    batch = account.finish(line("bad-1"), line("good"))
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    assert list(account.output(batch)) == ["good"]
    entry = account.errors(batch)["bad-1"]
    assert (entry["error"], entry["response"]["status_code"]) == (None, status)
    error = entry["response"]["body"]["error"]
    assert (error["type"], error["code"]) == (kind, code)
    assert says in error["message"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "model_not_found"),
        (429, "rate_limit_exceeded"),
        (498, "capacity_exceeded"),
        (500, "internal_server_error"),
        (503, "service_unavailable"),
        (400, "scripted_failure"),
        (502, "scripted_failure"),
    ],
)
def test_a_status_code_brings_the_error_code_that_goes_with_it(groq_emulator, account, line, status, code):
    groq_emulator.set(failing_requests={"*": status})
    entry = account.errors(account.finish(line("a")))["a"]
    assert entry["response"]["status_code"] == status
    error = entry["response"]["body"]["error"]
    assert error["code"] == code
    assert (error["type"] == "internal_server_error") == (status >= 500)


@pytest.mark.parametrize("wanted", [0, "batch_expired", "batch_cancelled"])
def test_a_request_can_get_no_response_at_all(groq_emulator, account, line, wanted):
    groq_emulator.set(failing_requests={"lost-?": wanted})
    entry = account.errors(account.finish(line("lost-1"), line("good")))["lost-1"]
    assert entry["response"] is None
    assert set(entry["error"]) == {"code", "message"}
    assert entry["error"]["code"] == (wanted or "scripted_failure")


def test_json_that_does_not_fit_shows_what_was_generated(groq_emulator, account, line):
    groq_emulator.set(failing_requests={"*": "json_validate_failed"}, answers={"b": {"city": "Berlin"}})
    form = {"response_format": {"type": "json_object"}}
    errors = account.errors(account.finish(line("a", body=form), line("b", body=form)))
    for entry in errors.values():
        generated = entry["response"]["body"]["error"]["failed_generation"]
        assert generated.startswith("{")
        with pytest.raises(ValueError, match="Expecting|Unterminated"):
            json.loads(generated)
    assert '"city"' in errors["b"]["response"]["body"]["error"]["failed_generation"]


def test_an_answer_can_be_cut_off(groq_emulator, account, line):
    groq_emulator.set(failing_requests={"cut*": "length"}, answers={"cut-2": "0123456789"})
    batch = account.finish(line("whole"), line("cut-1", text="Hello"), line("cut-2"))
    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    output = account.output(batch)
    reasons = {name: entry["response"]["body"]["choices"][0]["finish_reason"] for name, entry in output.items()}
    assert reasons == {"whole": "stop", "cut-1": "length", "cut-2": "length"}
    assert "Emulated answer to: Hello".startswith(message(output["cut-1"]))
    assert message(output["cut-2"]) == "01234"


def test_an_id_comes_before_patterns_and_patterns_come_in_order(groq_emulator, account, line):
    groq_emulator.set(failing_requests={"row*": 500, "row-1*": 429, "row-12": 498, "row[1]": 503, "ro?-3": 404})
    ids = ["row-1", "row-12", "row[1]", "row-3", "other"]
    errors = account.errors(account.finish(*(line(name) for name in ids)))
    statuses = {name: entry["response"]["status_code"] for name, entry in errors.items()}
    assert statuses == {"row-1": 500, "row-12": 498, "row[1]": 503, "row-3": 500}


def test_a_request_can_fail_only_the_first_times(groq_emulator, account, line):
    """As one that is sent again does, in a batch of its own."""
    groq_emulator.set(failing_requests={"a": {"error": "capacity_exceeded", "times": 2}, "b": {"error": 500}})
    ended = [account.finish(line("a"), line("b")) for _ in range(3)]
    assert [batch["request_counts"]["failed"] for batch in ended] == [2, 2, 1]
    assert [set(account.errors(batch)) for batch in ended] == [{"a", "b"}, {"a", "b"}, {"b"}]
    assert message(account.output(ended[2])["a"])
    groq_emulator.set(failing_requests={"a": {"error": 498, "times": 1}})
    assert account.finish(line("a"))["request_counts"]["failed"] == 1, "setting it anew begins anew"


def test_looking_again_at_a_batch_uses_up_no_failure(groq_emulator, account, line):
    groq_emulator.set(failing_requests={"a": {"error": 498, "times": 1}})
    batch = account.submit(line("a"), line("b"))
    groq_emulator.force_status(batch["id"], "expired", processed=1)
    account.batch(batch["id"])
    groq_emulator.force_status(batch["id"], "completed")
    batch = account.batch(batch["id"])
    assert batch["request_counts"]["failed"] == 1
    assert account.errors(batch)["a"]["response"]["status_code"] == 498
    assert account.finish(line("a"))["request_counts"]["failed"] == 0


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        ("Berlin \U0001f600", "Berlin \U0001f600"),
        ("", ""),
        ({"city": "Köln", "n": [1, None]}, '{"city": "Köln", "n": [1, null]}'),
        ([], "[]"),
        (7.5, "7.5"),
        (False, "false"),
    ],
)
def test_an_answer_is_given_as_text_or_as_json(groq_emulator, account, line, answer, content):
    groq_emulator.set(answers={"row-*": answer})
    batch = account.finish(line("row-1"), line("other", text="Hi"))
    output = account.output(batch)
    assert message(output["row-1"]) == content
    assert message(output["other"]) == "Emulated answer to: Hi"
    body = output["row-1"]["response"]["body"]
    assert body["usage"]["total_tokens"] > 0
    assert body["choices"][0]["message"]["reasoning"]


def test_null_leaves_the_usual_answer(groq_emulator, account, line):
    groq_emulator.set(answers={"*": "the same", "b": None})
    output = account.output(account.finish(line("a"), line("b", text="Hi")))
    assert (message(output["a"]), message(output["b"])) == ("the same", "Emulated answer to: Hi")


def test_a_whole_response_can_be_given(groq_emulator, account, line):
    bodies = {"choices": []}, {"detail": "no"}
    groq_emulator.set(answers={"a": {"$body": bodies[0]}, "b": {"$body": bodies[1], "$status": 422}})
    batch = account.finish(line("a"), line("b"))
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    assert account.output(batch)["a"]["response"]["body"] == bodies[0]
    response = account.errors(batch)["b"]["response"]
    assert (response["status_code"], response["body"]) == (422, bodies[1])


def test_an_answer_may_be_an_error(groq_emulator, account, line):
    answers = {"a": {"$error": 498}, "b": {"$error": "json_validate_failed"}, "c": {"$error": "length"}}
    groq_emulator.set(answers=answers)
    batch = account.finish(*(line(name, text="Hello") for name in answers))
    errors = account.errors(batch)
    assert {name: entry["response"]["status_code"] for name, entry in errors.items()} == {"a": 498, "b": 400}
    assert errors["b"]["response"]["body"]["error"]["failed_generation"].startswith("Emulated")
    choice = account.output(batch)["c"]["response"]["body"]["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"].startswith("Emulated")


def test_a_transcript_can_be_given(groq_emulator, account, line):
    groq_emulator.set(answers={"a": "Good morning."}, failing_requests={"b": "json_validate_failed"})
    requests = [line(name, url="/v1/audio/transcriptions", body=AUDIO) for name in ("a", "b")]
    batch = account.finish(*requests)
    assert account.output(batch)["a"]["response"]["body"]["text"] == "Good morning."
    assert account.errors(batch)["b"]["response"]["status_code"] == 400


def test_a_model_that_does_not_exist_gives_no_scripted_answer(groq_emulator, account, line):
    """`llama-3.1-8b-instant` was shut down."""
    groq_emulator.set(answers={"*": "text"})
    entry = account.errors(account.finish(line("a", body={"model": "llama-3.1-8b-instant"})))["a"]
    assert (entry["error"], entry["response"]["status_code"]) == (None, 404)
    assert entry["response"]["body"] == {
        "error": {
            "message": "The model `llama-3.1-8b-instant` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "code": "model_not_found",
        }
    }


def test_a_batch_keeps_the_answers_that_it_was_created_under(groq_emulator, account, line):
    groq_emulator.set(answers={"*": "first"})
    batch = account.submit(line("a"))
    groq_emulator.set(answers={"*": "second"})
    groq_emulator.advance(60)
    assert message(account.output(account.batch(batch["id"]))["a"]) == "first"


def test_a_large_batch_can_have_an_answer_for_each_request(groq_emulator, account, line):
    """More than a megabyte of answers, found by id at once."""
    answers = {f"row-{number}": "x" * 300 + str(number) for number in range(5000)}
    groq_emulator.set(answers=answers)
    output = account.output(account.finish(*(line(name) for name in answers)))
    assert {name: message(entry) for name, entry in output.items()} == answers


def test_a_batch_can_carry_a_project(groq_emulator, account):
    assert "project_id" not in account.submit()
    groq_emulator.set(project_id="project_01abc")
    assert account.submit()["project_id"] == "project_01abc"


def test_a_sequence_answers_by_how_often_the_request_came(groq_emulator, account, line):
    """As a job's rounds do: what failed in the first comes again in the second."""
    turns = [{"$error": 498}, {"$error": "invalid_json"}, None, "the last"]
    groq_emulator.set(answers={"a*": {"$sequence": turns}})
    ended = [account.finish(line("a1"), line("b", text="Hi")) for _ in range(5)]
    assert account.errors(ended[0])["a1"]["response"]["status_code"] == 498
    said = [message(account.output(batch)["a1"]) for batch in ended[1:]]
    assert said[0].startswith("Here is the JSON: ")
    assert said[1:] == ["Emulated answer to: Hello", "the last", "the last"]
    assert {message(account.output(batch)["b"]) for batch in ended} == {"Emulated answer to: Hi"}
    assert message(account.output(account.finish(line("a2"), line("a1")))["a1"]) == "the last", (
        "each id counts for itself"
    )
    groq_emulator.set(answers={"a*": {"$sequence": turns}})
    assert account.finish(line("a1"))["request_counts"]["failed"] == 1, "setting it anew begins anew"


def test_a_batch_that_fails_counts_for_no_request(groq_emulator, account, line):
    """Nothing of it was sent to the model, so what comes after it is still the first time."""
    groq_emulator.set(
        outcomes=["token_limit_exceeded"],
        failing_requests={"a": {"error": 500, "times": 1}},
        answers={"b": {"$sequence": ["first", "second"]}},
    )
    assert account.finish(line("a"), line("b"))["status"] == "failed"
    again = account.finish(line("a"), line("b"))
    assert (again["request_counts"]["failed"], message(account.output(again)["b"])) == (1, "first")


LINES = {
    "line_missing": {"total": 3, "completed": 2, "failed": 0},
    "line_lost": {"total": 3, "completed": 3, "failed": 0},
    "line_repeated": {"total": 3, "completed": 3, "failed": 0},
    "line_foreign": {"total": 3, "completed": 3, "failed": 0},
    "line_torn": {"total": 3, "completed": 3, "failed": 0},
}


@pytest.mark.parametrize("flaw", LINES)
def test_a_result_file_can_have_lines_that_it_should_not_have(groq_emulator, account, line, flaw):
    groq_emulator.set(failing_requests={"b": {"error": flaw, "times": 1}})
    batch = account.finish(line("a"), line("b"), line("c"))
    assert (batch["request_counts"], batch["error_file_id"]) == (LINES[flaw], None)
    lines = account.http.get(f"/files/{batch['output_file_id']}/content").content.splitlines()
    whole = [json.loads(entry) for entry in lines if entry.endswith(b"}")]
    ids = {
        "line_missing": ["a", "c"],
        "line_lost": ["a", "c"],
        "line_repeated": ["a", "b", "b", "c"],
        "line_foreign": ["a", "b", "b-foreign", "c"],
        "line_torn": ["a", "c"],
    }
    assert sorted(entry["custom_id"] for entry in whole) == ids[flaw]
    assert len(lines) - len(whole) == (flaw == "line_torn")
    again = account.finish(line("a"), line("b"), line("c"))
    assert set(account.output(again)) == {"a", "b", "c"}


def test_a_batch_whose_lines_are_all_lost_names_no_file(groq_emulator, account, line):
    groq_emulator.set(failing_requests={"*": "line_lost"})
    batch = account.finish(line("a"), line("b"))
    assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    assert (batch["status"], batch["output_file_id"], batch["error_file_id"]) == ("completed", None, None)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ({"$sequence": []}, "a list of at least one answer"),
        ({"$sequence": "text"}, "a list of at least one answer"),
        ({"$sequence": ["a"], "$status": 200}, "nothing but"),
        ({"$sequence": [{"$error": "oops"}]}, "a status code from 400 to 599"),
        ({"$sequence": [{"$sequence": ["a"]}]}, "JSON whose names begin with"),
        ({"$error": "line_gone"}, "line_missing"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(groq_emulator, script, problem):
    with pytest.raises(EmulatorError, match=re.escape(problem)):
        groq_emulator.set(answers={"*": script})
