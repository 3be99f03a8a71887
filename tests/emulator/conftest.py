"""An account at the emulator, over plain HTTP."""

import json
from contextlib import closing

import httpx
import pytest


def line(custom_id="r0", text="Hello", **changes):
    """Return one line of an input file; `body` among the changes is merged into the usual one."""
    body = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": text}]}
    body |= changes.pop("body", {})
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body} | changes


def jsonl(lines):
    return "".join(json.dumps(entry) + "\n" for entry in lines).encode()


class Account:
    """Calls as a client makes them; every answer is an `httpx.Response`."""

    def __init__(self, emulator, key="gsk_test"):
        self.emulator = emulator
        self.http = httpx.Client(
            base_url=f"{emulator.url}/openai/v1", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )

    def close(self):
        self.http.close()

    def upload(self, content, purpose="batch", filename="input.jsonl"):
        return self.http.post("/files", data={"purpose": purpose}, files={"file": (filename, content)})

    def create(self, file_id, **changes):
        asked = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        # Written out here: httpx cannot send a lone surrogate as JSON.
        return self.http.post("/batches", content=json.dumps(asked | changes))

    def submit(self, *lines, **changes):
        """Upload lines (objects, or bytes as they are) and return the batch made of them."""
        content = lines[0] if lines and isinstance(lines[0], bytes) else jsonl(lines or [line()])
        answer = self.create(self.upload(content).json()["id"], **changes)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def batch(self, batch_id):
        return self.http.get(f"/batches/{batch_id}").json()

    def finish(self, *lines, **changes):
        """Submit lines, let enough time pass, and return the batch as it ended."""
        batch = self.submit(*lines, **changes)
        self.emulator.advance(60)
        return self.batch(batch["id"])

    def lines(self, file_id):
        return [json.loads(entry) for entry in self.http.get(f"/files/{file_id}/content").content.splitlines()]

    def output(self, batch):
        return {entry["custom_id"]: entry for entry in self.lines(batch["output_file_id"])}

    def errors(self, batch):
        return {entry["custom_id"]: entry for entry in self.lines(batch["error_file_id"])}

    def answer(self, *lines):
        """Return the answer to a single request."""
        batch = self.finish(*lines)
        (entry,) = self.lines(batch["output_file_id"])
        return entry["response"]["body"]


@pytest.fixture(name="line")
def line_fixture():
    return line


@pytest.fixture(name="jsonl")
def jsonl_fixture():
    return jsonl


@pytest.fixture
def account(groq_emulator):
    with closing(Account(groq_emulator)) as account:
        yield account


@pytest.fixture
def other_account(groq_emulator):
    with closing(Account(groq_emulator, key="gsk_other")) as account:
        yield account
