"""Groq's official client at work: the same cases against the emulator and, with `--live`, against Groq."""

import groq
import pytest
from groq.types import BatchListResponse

NO_KEY = {"headers": {"Authorization": "Bearer"}}
MODEL = "openai/gpt-oss-20b"
DAY = 86400


def line(custom_id, text="Say hello.", **body):
    body = {
        "model": MODEL,
        "max_completion_tokens": 100,
        "reasoning_effort": "low",
        "messages": [{"role": "user", "content": text}],
    } | body
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def test_a_file_goes_up_is_listed_comes_down_and_is_deleted(session):
    client, run = session.client, session.run
    content = b'{"text": "\xc3\xa9 \\u0000"}'
    file = session.upload(content)
    assert (file.object, file.bytes, file.filename, file.purpose) == (
        "file",
        len(content),
        "conformance.jsonl",
        "batch",
    )
    assert run(client.files.info(file.id)).to_dict() == file.to_dict()
    listed = run(client.files.list())
    assert listed.object == "list"
    assert file.id in {entry.id for entry in listed.data}
    assert run(run(client.files.content(file.id)).read()) == content
    deleted = run(client.files.delete(file.id))
    assert (deleted.id, deleted.object, deleted.deleted) == (file.id, "file", True)
    with pytest.raises(groq.NotFoundError):
        run(client.files.info(file.id))


def test_a_file_comes_down_to_disk(session, tmp_path):
    file = session.upload(line("a"))
    answer = session.run(session.client.files.content(file.id))
    session.run(answer.write_to_file(tmp_path / "input.jsonl"))
    assert (tmp_path / "input.jsonl").stat().st_size == file.bytes


def test_a_batch_runs_to_its_end(session):
    batch = session.create(line("a"), line("b"), metadata={"purpose": "conformance é"})
    assert (batch.object, batch.endpoint, batch.completion_window) == ("batch", "/v1/chat/completions", "24h")
    assert batch.status == "validating"
    assert batch.expires_at - batch.created_at == DAY
    assert batch.metadata == {"purpose": "conformance é"}
    ended = session.finish(batch)
    assert (ended.id, ended.status, ended.metadata) == (batch.id, "completed", batch.metadata)
    assert ended.created_at <= ended.in_progress_at <= ended.finalizing_at <= ended.completed_at
    counts = ended.request_counts
    assert (counts.total, counts.completed, counts.failed) == (2, 2, 0)
    assert not ended.error_file_id
    assert not ended.errors
    output = session.lines(ended.output_file_id)
    assert set(output) == {"a", "b"}
    for entry in output.values():
        assert entry["error"] is None
        assert entry["response"]["status_code"] == 200
        assert entry["response"]["body"].pop("service_tier") == "batch"  # a value that the client's type does not have
        body = groq.types.chat.ChatCompletion.model_validate(entry["response"]["body"])
        assert body.model == MODEL
        assert body.choices[0].message.content
        assert body.usage.total_tokens == body.usage.prompt_tokens + body.usage.completion_tokens
        assert body.usage.total_time > 0
        assert body.choices[0].message.reasoning
        assert body.usage.completion_tokens_details.reasoning_tokens > 0


def test_a_request_that_fails_is_in_the_error_file(session):
    ended = session.finish(session.create(line("good"), line("bad", model="no-such-model")))
    assert ended.status == "completed"
    assert (ended.request_counts.completed, ended.request_counts.failed) == (1, 1)
    assert list(session.lines(ended.output_file_id)) == ["good"]
    entry = session.lines(ended.error_file_id)["bad"]
    assert entry["error"] is None
    assert entry["response"]["status_code"] == 404
    assert entry["response"]["body"]["error"]["code"] == "model_not_found"


def test_a_bad_line_fails_the_batch_after_its_creation(session):
    batch = session.create(line("a"), b"not json", line("c"))
    assert batch.status == "validating"
    failed = session.finish(batch)
    assert failed.status == "failed"
    assert failed.failed_at >= failed.created_at
    assert [error.line for error in failed.errors.data] == [2]
    assert failed.errors.data[0].message
    assert not failed.output_file_id


def test_a_batch_is_cancelled(session):
    batch = session.create(*(line(str(number)) for number in range(20)))
    cancelling = session.run(session.client.batches.cancel(batch.id))
    assert cancelling.id == batch.id
    assert cancelling.status in {"cancelling", "cancelled"}
    cancelled = session.finish(cancelling)
    assert cancelled.status == "cancelled"
    assert cancelled.cancelled_at >= cancelled.cancelling_at
    with pytest.raises(groq.BadRequestError):
        session.run(session.client.batches.cancel(batch.id))


def test_batches_are_listed(session):
    batch = session.create(line("a"))
    listed = session.run(session.client.batches.list())
    assert listed.object == "list"
    assert batch.id in {entry.id for entry in listed.data}


def test_batches_are_listed_by_id(session):
    wanted = {session.create(line("a")).id for _ in range(2)}
    session.create(line("a"))
    # The client has no name for this, and would join the ids with commas.
    path = "/openai/v1/batches?" + "&".join(f"id={batch_id}" for batch_id in wanted)
    listed = session.run(session.client.get(path, cast_to=BatchListResponse))
    assert {entry.id for entry in listed.data} == wanted


def test_pages_follow_one_another_and_end(session):
    wanted = {session.create(line("a")).id for _ in range(3)}
    query = {}
    seen = []
    for _ in range(100):
        page = session.run(session.client.batches.list(extra_query=query))
        seen += [entry.id for entry in page.data]
        cursor = (page.to_dict().get("paging") or {}).get("next_cursor")
        if not cursor:
            break
        query = {"cursor": cursor}
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)


def test_what_is_not_there_is_not_found(session):
    batches, files = session.client.batches, session.client.files
    for call in (batches.retrieve, batches.cancel, files.info, files.content, files.delete):
        with pytest.raises(groq.NotFoundError) as caught:
            session.run(call("batch_01aaaaaaaaaaaaaaaaaaaaaaaa"))
        assert caught.value.body["error"]["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"completion_window": "12h"},
        {"completion_window": "8d"},
        {"completion_window": "1 day"},
        {"endpoint": "/v1/embeddings"},
        {"metadata": {"number": 1}},
    ],
)
def test_a_wrong_parameter_is_refused_at_once(session, changes):
    with pytest.raises(groq.BadRequestError) as caught:
        session.create(line("a"), **changes)
    assert caught.value.body["error"]["type"] == "invalid_request_error"


def test_a_file_for_another_purpose_is_refused(session):
    with pytest.raises(groq.BadRequestError):
        session.run(session.client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune"))


def test_an_empty_key_is_refused(session_with):
    with session_with("") as session, pytest.raises(groq.AuthenticationError) as caught:
        session.run(session.client.get("/openai/v1/batches", cast_to=BatchListResponse, options=NO_KEY))
    assert caught.value.body["error"]["code"] == "invalid_api_key"


def test_models_are_listed(session):
    assert MODEL in {model.id for model in session.run(session.client.models.list()).data}
