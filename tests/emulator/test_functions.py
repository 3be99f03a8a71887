"""`answer_with`: answers by a function of the test's own process."""

import logging
import socket
import threading
import time
from contextlib import closing, suppress

import httpx
import pytest

from airflow_provider_groq.emulator import GroqEmulator


def message(entry):
    return entry["response"]["body"]["choices"][0]["message"]["content"]


def answer_threads():
    return [thread for thread in threading.enumerate() if thread.name == "groq-emulator-answers"]


def test_a_function_answers_each_request_once(groq_emulator, account, line):
    asked = []

    def answer(request):
        asked.append(request)
        return request["body"]["messages"][0]["content"].upper()

    groq_emulator.answer_with(answer)
    lines = [line(f"row-{number}", text=f"text {number}") for number in range(20)]
    batch = account.submit(*lines)
    groq_emulator.force_status(batch["id"], "expired", processed=3)
    account.batch(batch["id"])
    groq_emulator.force_status(batch["id"], None)
    groq_emulator.advance(60)
    output = account.output(account.batch(batch["id"]))
    assert {name: message(entry) for name, entry in output.items()} == {f"row-{n}": f"TEXT {n}" for n in range(20)}
    assert asked == lines


def test_what_a_function_may_return(groq_emulator, account, line):
    answers = {
        "text": "Berlin",
        "json": {"city": "Köln"},
        "usual": None,
        "failed": {"$error": "capacity_exceeded"},
        "cut": {"$error": "length"},
        "whole": {"$body": {"choices": []}},
        "refused": {"$body": {"detail": "no"}, "$status": 422},
    }
    groq_emulator.answer_with(lambda request: answers[request["custom_id"]])
    batch = account.finish(*(line(name, text="Hi") for name in answers))
    assert batch["request_counts"] == {"total": 7, "completed": 5, "failed": 2}
    output, errors = account.output(batch), account.errors(batch)
    assert [message(output[name]) for name in ("text", "json")] == ["Berlin", '{"city": "Köln"}']
    assert message(output["usual"]) == "Emulated answer to: Hi"
    assert output["cut"]["response"]["body"]["choices"][0]["finish_reason"] == "length"
    assert output["whole"]["response"]["body"] == {"choices": []}
    statuses = {name: entry["response"]["status_code"] for name, entry in errors.items()}
    assert statuses == {"failed": 498, "refused": 422}


def test_answers_by_id_hold_where_the_function_says_nothing(groq_emulator, account, line):
    groq_emulator.set(answers={"*": "by pattern"}, failing_requests={"c": 500})
    groq_emulator.answer_with(lambda request: "by function" if request["custom_id"] == "a" else None)
    batch = account.finish(line("a"), line("b"), line("c"))
    assert {name: message(entry) for name, entry in account.output(batch).items()} == {
        "a": "by function",
        "b": "by pattern",
    }
    assert list(account.errors(batch)) == ["c"]


@pytest.mark.parametrize("text", ["lone \ud800 half", "null \u0000, line\u2028end\n", "{{ ds }}"])
def test_any_text_goes_there_and_back(groq_emulator, account, line, text):
    groq_emulator.answer_with(lambda request: request["body"]["messages"][0]["content"])
    assert message(account.output(account.finish(line("a", text=text)))["a"]) == text


def refuse(_request):
    raise LookupError("nothing known")


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (refuse, "LookupError: nothing known"),
        (lambda _: object(), "TypeError: Object of type object is not JSON serializable"),
        (lambda _: {"$error": "oops"}, "ValueError: an answer must be $error with a status code"),
        (lambda: "no argument", "TypeError: "),
    ],
)
def test_a_function_that_fails_fails_the_request_and_is_logged(groq_emulator, account, line, caplog, function, says):
    groq_emulator.answer_with(function)
    entry = account.errors(account.finish(line("row-7")))["row-7"]
    assert entry["response"]["status_code"] == 500
    error = entry["response"]["body"]["error"]
    assert error["code"] == "answer_function_failed"
    assert error["message"].startswith(f"The function given to answer_with raised {says}")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "'row-7'" in record.message
    assert record.exc_info


def test_batches_keep_the_function_that_they_were_created_under(groq_emulator, account, line):
    batches = []
    for name in ("first", "second"):
        groq_emulator.answer_with(lambda _, name=name: name)
        batches.append(account.submit(line("a")))
    groq_emulator.advance(60)
    assert [message(account.output(account.batch(batch["id"]))["a"]) for batch in batches] == ["first", "second"]


def test_calls_of_the_function_do_not_overlap(groq_emulator, account, line):
    running, most = [], []

    def answer(request):
        running.append(request)
        time.sleep(0.005)
        most.append(len(running))
        running.pop()

    groq_emulator.answer_with(answer)
    ids = [account.submit(line("a"), line("b"))["id"] for _ in range(4)]
    groq_emulator.advance(60)
    threads = [threading.Thread(target=account.batch, args=(batch_id,)) for batch_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_a_reset_ends_the_function(groq_emulator, account, line):
    others = answer_threads()  # of other emulators in this process
    groq_emulator.answer_with(lambda _: "scripted")
    assert answer_threads() != others
    groq_emulator.reset()
    assert answer_threads() == others
    assert groq_emulator.settings()["answer_function"] is None
    assert message(account.output(account.finish(line("a", text="Hi")))["a"]) == "Emulated answer to: Hi"


def test_a_function_that_is_gone_fails_the_requests(groq_emulator, account, line):
    groq_emulator.answer_with(lambda _: "scripted")
    groq_emulator._close_functions()
    error = account.errors(account.finish(line("a")))["a"]["response"]["body"]["error"]
    assert error["message"] == "The function given to answer_with no longer exists."


def test_a_reset_does_not_wait_for_a_function_that_hangs(groq_emulator, account, line):
    asked, released = threading.Event(), threading.Event()

    def answer(_request):
        asked.set()
        released.wait(30)

    groq_emulator.answer_with(answer)
    batch = account.submit(line("a"))
    groq_emulator.advance(60)
    polling = threading.Thread(target=account.batch, args=(batch["id"],))
    polling.start()
    assert asked.wait(10)
    began = time.monotonic()
    groq_emulator.reset()
    polling.join()
    assert time.monotonic() - began < 15
    released.set()


def test_the_emulator_stops_while_a_function_hangs(account, line):
    before = answer_threads()
    asked, released = threading.Event(), threading.Event()

    def answer(_request):
        asked.set()
        released.wait(30)

    def poll(elsewhere, batch_id):
        with suppress(httpx.TransportError):
            elsewhere.batch(batch_id)

    with GroqEmulator() as emulator, closing(type(account)(emulator)) as elsewhere:
        emulator.answer_with(answer)
        batch = elsewhere.submit(line("a"))
        emulator.advance(60)
        polling = threading.Thread(target=poll, args=(elsewhere, batch["id"]))
        polling.start()
        assert asked.wait(10)
        began = time.monotonic()
        emulator.stop()
        polling.join()
    assert time.monotonic() - began < 15
    assert emulator._process.returncode == 0
    assert answer_threads() == before
    released.set()


def test_nobody_else_is_answered(groq_emulator):
    """Another process of this machine does not know the token."""
    asked = []
    groq_emulator.answer_with(asked.append)
    port = int(groq_emulator.settings()["answer_function"].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b'wrong\n{"custom_id": "a"}\n')
        with suppress(ConnectionResetError):
            assert stranger.recv(100) == b""
    assert asked == []
