"""The output and error file of a batch that has ended."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

RANDOM = "[0-9a-hjkmnp-tv-z]{24}"


def test_an_output_line_is_as_groq_writes_it(account):
    batch = account.finish()
    (entry,) = account.lines(batch["output_file_id"])
    assert list(entry) == ["id", "custom_id", "response", "error"]
    assert re.fullmatch(f"batch_req_out_01{RANDOM}", entry["id"])
    assert (entry["custom_id"], entry["error"]) == ("r0", None)
    response = entry["response"]
    assert list(response) == ["status_code", "request_id", "body"]
    assert response["status_code"] == 200
    assert re.fullmatch(f"req_01{RANDOM}", response["request_id"])
    assert response["body"]["x_groq"] == {"id": response["request_id"]}
    assert batch["error_file_id"] is None


def test_lines_come_in_another_order(account, line):
    ids = [str(number) for number in range(50)]
    batch = account.finish(*(line(name) for name in ids))
    order = [entry["custom_id"] for entry in account.lines(batch["output_file_id"])]
    assert order != ids
    assert sorted(order) == sorted(ids)


@pytest.mark.parametrize("count", [2, 3])
def test_even_few_lines_come_in_another_order(account, line, count):
    ids = [str(number) for number in range(count)]
    for _ in range(5):
        batch = account.finish(*(line(name) for name in ids))
        assert [entry["custom_id"] for entry in account.lines(batch["output_file_id"])] != ids


def test_ids_of_lines_are_all_different(account, line):
    batch = account.finish(*(line(str(number)) for number in range(50)))
    entries = account.lines(batch["output_file_id"])
    assert len({entry["id"] for entry in entries} | {entry["response"]["request_id"] for entry in entries}) == 100


def test_failed_requests_are_in_the_error_file_though_their_error_is_null(account, line):
    batch = account.finish(
        line("good"), line("model", body={"model": "no-such-model"}), line("messages", body={"messages": None})
    )
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    assert list(account.output(batch)) == ["good"]
    errors = account.errors(batch)
    assert {name: entry["response"]["status_code"] for name, entry in errors.items()} == {"model": 404, "messages": 400}
    assert {entry["error"] for entry in errors.values()} == {None}
    error = errors["model"]["response"]["body"]["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "model_not_found")
    assert "`no-such-model`" in error["message"]


def test_a_batch_whose_requests_all_failed_is_completed_without_output(account, line):
    batch = account.finish(*(line(str(number), body={"model": "no-such-model"}) for number in range(3)))
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    assert batch["request_counts"] == {"total": 3, "completed": 0, "failed": 3}
    assert len(account.errors(batch)) == 3


def test_one_file_may_mix_endpoints_and_models(account, line):
    audio = {"model": "whisper-large-v3", "url": "https://example.com/a.mp3", "messages": None}
    batch = account.finish(
        line("chat", body={"model": "openai/gpt-oss-20b"}),
        line("transcript", url="/v1/audio/transcriptions", body=audio),
        line("translation", url="/v1/audio/translations", body=audio),
        line("no url", url="/v1/audio/translations", body={"model": "whisper-large-v3"}),
        line("wrong model", url="/v1/audio/translations", body={"url": "https://example.com/a.mp3"}),
        line("chat by whisper", body={"model": "whisper-large-v3"}),
    )
    bodies = {name: entry["response"]["body"] for name, entry in account.output(batch).items()}
    assert bodies["chat"]["model"] == "openai/gpt-oss-20b"
    assert bodies["transcript"]["text"] == "Emulated transcript of https://example.com/a.mp3"
    assert bodies["translation"]["text"] == "Emulated translation of https://example.com/a.mp3"
    statuses = {name: entry["response"]["status_code"] for name, entry in account.errors(batch).items()}
    assert statuses == {"no url": 400, "wrong model": 400, "chat by whisper": 400}


def test_any_custom_id_comes_back_as_it_is(account, line):
    ids = ["é ü 漢字 \U0001f600", "with\u0000null", "lone \ud800", '"quoted"\\', "{{ ds }}", "line\nbreak", "x" * 5000]
    batch = account.finish(*(line(name) for name in ids))
    assert set(account.output(batch)) == set(ids)


AUDIO = {"model": "whisper-large-v3", "url": "https://example.com/a.mp3", "messages": None}


def test_a_transcript_is_as_groq_gives_it(account, line):
    verbose = AUDIO | {"response_format": "verbose_json", "language": "de"}
    batch = account.finish(
        line("short", url="/v1/audio/transcriptions", body=AUDIO | {"model": "whisper-large-v3-turbo"}),
        line("verbose", url="/v1/audio/transcriptions", body=verbose),
        line("translated", url="/v1/audio/translations", body=verbose),
    )
    bodies = {name: entry["response"]["body"] for name, entry in account.output(batch).items()}
    assert set(bodies["short"]) == {"text", "x_groq"}
    assert {name: bodies["verbose"][name] for name in ("task", "language")} == {"task": "transcribe", "language": "de"}
    assert bodies["verbose"]["segments"][0]["text"] == bodies["verbose"]["text"]
    assert {name: bodies["translated"][name] for name in ("task", "language")} == {
        "task": "translate",
        "language": "en",
    }


@pytest.mark.parametrize(
    ("url", "body", "says"),
    [
        ("chat/completions", {"model": "whisper-large-v3"}, "`whisper-large-v3` does not support chat completions"),
        ("audio/transcriptions", {"model": "openai/gpt-oss-20b"}, "`openai/gpt-oss-20b` does not support audio"),
        ("audio/translations", {"model": "whisper-large-v3-turbo"}, "does not support translations"),
        ("audio/transcriptions", {"url": None}, "one of `file` or `url` must be provided"),
        ("audio/transcriptions", {"url": ""}, "one of `file` or `url` must be provided"),
        ("audio/transcriptions", {"response_format": "srt"}, "response_format must be one of json, text, verbose_json"),
        ("audio/transcriptions", {"response_format": ["json"]}, "response_format must be one of"),
    ],
)
def test_a_speech_model_is_for_audio_with_a_url_and_audio_for_speech_models(account, line, url, body, says):
    messages = {"messages": [{"role": "user", "content": "Hi"}]}
    entry = account.errors(account.finish(line("a", url=f"/v1/{url}", body=AUDIO | messages | body)))["a"]
    assert (entry["response"]["status_code"], entry["error"]) == (400, None)
    assert says in entry["response"]["body"]["error"]["message"]


def test_result_files_are_written_when_they_are_first_read(groq_emulator, account, line):
    """A batch that is only polled costs nothing; what the listing says of a file is true all the same."""
    groq_emulator.set(answer_chars=100_000)
    batch = account.finish(*(line(str(number)) for number in range(100)))
    listed = {file["id"]: file for file in account.http.get("/files").json()["data"]}
    assert listed[batch["output_file_id"]]["bytes"] > 10_000_000
    content = account.http.get(f"/files/{batch['output_file_id']}/content").content
    assert len(content) == listed[batch["output_file_id"]]["bytes"]
    assert content == groq_emulator.file_content(batch["output_file_id"])


def test_many_may_read_a_result_file_at_once(account, line):
    batch = account.finish(*(line(str(number)) for number in range(2000)))
    path = f"/files/{batch['output_file_id']}/content"
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda _: account.http.get(path).content, range(8)))
    assert len(set(contents)) == 1
    assert len(contents[0].splitlines()) == 2000


def test_long_lines_come_back_whole_and_in_another_order(account, line):
    """They are read in blocks; some of these lie across the border of two, some are larger than one."""
    texts = {str(number): f"{number} " + "é" * (60_000 if number % 7 else 700_000) for number in range(60)}
    batch = account.finish(*(line(name, text=text) for name, text in texts.items()))
    output = account.lines(batch["output_file_id"])
    said = {entry["custom_id"]: entry["response"]["body"]["choices"][0]["message"]["content"] for entry in output}
    assert said == {name: f"Emulated answer to: {text[:300]}" for name, text in texts.items()}
    assert [entry["custom_id"] for entry in output] != list(texts)
