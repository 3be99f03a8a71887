"""Files: upload, look, list, download, delete."""

import re
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

DAY = 86400


def test_an_uploaded_file_is_described_as_groq_does(groq_emulator, account):
    answer = account.upload(b'{"a": 1}\n', filename="my input.jsonl")
    assert answer.status_code == 200
    file = answer.json()
    assert re.fullmatch(r"file_01[0-9a-hjkmnp-tv-z]{24}", file.pop("id"))
    assert groq_emulator.now() - file.pop("created_at") < 5
    assert file == {"object": "file", "bytes": 9, "filename": "my input.jsonl", "purpose": "batch"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff\xfe not text", '{"text": "é \\u0000 \\ud800 {{ ds }}"}\r\n'.encode(), b"x" * 3_000_000],
    ids=["empty", "binary", "escapes", "large"],
)
def test_a_files_bytes_come_back_as_they_went_in(groq_emulator, account, content):
    file = account.upload(content).json()
    answer = account.http.get(f"/files/{file['id']}/content")
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert int(answer.headers["content-length"]) == len(content) == file["bytes"]
    assert groq_emulator.file_content(file["id"]) == content


def test_info_list_and_delete(account):
    first, second = (account.upload(b"{}", filename=name).json() for name in ("a.jsonl", "b.jsonl"))
    assert account.http.get(f"/files/{first['id']}").json() == first
    assert account.http.get("/files").json() == {"object": "list", "data": [second, first]}
    answer = account.http.delete(f"/files/{first['id']}")
    assert answer.json() == {"id": first["id"], "object": "file", "deleted": True}
    assert account.http.get("/files").json()["data"] == [second]
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        gone = account.http.request(method, f"/files/{first['id']}{path}")
        assert gone.status_code == 404
        assert first["id"] in gone.json()["error"]["message"]


def test_output_files_are_listed_though_nobody_looked_at_the_batch(groq_emulator, account):
    batch = account.submit()
    groq_emulator.advance(60)
    output, uploaded = account.http.get("/files").json()["data"]
    assert (output["purpose"], uploaded["purpose"]) == ("batch_output", "batch")
    assert output["filename"] == f"{batch['id']}_output.jsonl"
    assert output["id"] == account.batch(batch["id"])["output_file_id"]


def test_files_are_kept_for_30_days(groq_emulator, account):
    file = account.upload(b"{}").json()
    groq_emulator.advance(29 * DAY)
    assert account.http.get(f"/files/{file['id']}").status_code == 200
    groq_emulator.advance(DAY + 1)
    assert account.http.get(f"/files/{file['id']}").status_code == 404
    assert account.http.get("/files").json()["data"] == []


@pytest.mark.parametrize(
    ("data", "files", "param"),
    [
        ({"purpose": "fine-tune"}, {"file": ("a.jsonl", b"{}")}, "purpose"),
        ({}, {"file": ("a.jsonl", b"{}")}, "purpose"),
        ({"purpose": "batch"}, {"other": ("a.jsonl", b"{}")}, "file"),
        ({"purpose": "batch", "file": "text"}, {"x": ("a.jsonl", b"{}")}, "file"),
    ],
)
def test_an_upload_that_lacks_something_is_refused(account, data, files, param):
    answer = account.http.post("/files", data=data, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert account.http.get("/files").json()["data"] == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("application/json", b"{}"),
    ],
)
def test_an_upload_that_is_no_form_is_refused(account, content_type, body):
    answer = account.http.post("/files", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def chunked_form(size):
    yield b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    for _ in range(size // 100_000):
        yield b"y" * 100_000
    yield b"\r\n--x--\r\n"


def test_a_file_over_the_limit_is_refused_whether_or_not_its_length_is_announced(groq_emulator, account):
    groq_emulator.set(max_file_bytes=1_000_000)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    answers = [
        account.upload(b"y" * 1_000_001),
        account.upload(b"y" * 5_000_000),
        account.http.post("/files", content=chunked_form(5_000_000), headers=form),
    ]
    for answer in answers:
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "request_too_large"
    assert account.http.get("/files").json()["data"] == []
    assert account.upload(b"y" * 1_000_000).status_code == 200
    assert account.http.post("/files", content=chunked_form(1_000_000), headers=form).status_code == 200


def test_a_json_body_has_a_limit_too(account):
    answer = account.http.post("/batches", json={"metadata": {"a": "x" * 2_000_000}})
    assert answer.status_code == 413


def test_an_upload_that_the_client_gives_up_leaves_nothing(groq_emulator):
    address = urlsplit(groq_emulator.url)
    head = (
        "POST /openai/v1/files HTTP/1.1\r\nHost: emulator\r\nAuthorization: Bearer gsk_test\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + b"y" * 10_000)
    deadline = time.monotonic() + 5
    while not any(request.status == 400 for request in groq_emulator.requests("POST")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert groq_emulator.files() == []


def test_a_running_batch_reads_its_input_though_it_is_deleted(groq_emulator, account):
    batch = account.submit()
    assert account.http.delete(f"/files/{batch['input_file_id']}").json()["deleted"]
    groq_emulator.advance(60)
    assert account.batch(batch["id"])["request_counts"]["completed"] == 1


@pytest.fixture
def resident_mb(groq_emulator_server):
    """Return the most memory that the emulator's process has had so far (MB)."""

    def resident_mb():
        with open(f"/proc/{groq_emulator_server._process.pid}/status", encoding="ascii") as status:  # noqa: PTH123
            return next(int(entry.split()[1]) for entry in status if entry.startswith("VmHWM")) / 1000

    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    return resident_mb


def test_memory_does_not_grow_with_the_file(account, resident_mb):
    before = resident_mb()
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    file = account.http.post("/files", content=chunked_form(100_000_000), headers=form, timeout=60).json()
    received = 0
    with account.http.stream("GET", f"/files/{file['id']}/content", timeout=httpx.Timeout(60)) as answer:
        for part in answer.iter_raw():
            received += len(part)
    assert received == 100_000_000
    assert resident_mb() - before < 40


def test_memory_does_not_grow_with_the_bytes_of_rows_and_answers(groq_emulator, account, line, jsonl, resident_mb):
    """As in a job of many shards, here 20 batches of 4 MB each, with answers of 4 MB each."""
    groq_emulator.set(answer_chars=4000)
    account.http.timeout = 60
    content = jsonl(line(str(number), text="x" * 4000) for number in range(1000))
    before = resident_mb()
    batches = [account.submit(content) for _ in range(20)]
    groq_emulator.advance(60)
    received = 0
    for batch in account.http.get("/batches", params=[("id", batch["id"]) for batch in batches]).json()["data"]:
        with account.http.stream("GET", f"/files/{batch['output_file_id']}/content") as answer:
            received += sum(len(part) for part in answer.iter_raw())
    assert received > 80_000_000
    assert resident_mb() - before < 30
