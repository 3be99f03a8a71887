"""A hook on the emulator, and connections of every form."""

import json

import pytest

LINE = (
    b'{"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}]}}\n'
)


@pytest.fixture
def line():
    return LINE


@pytest.fixture
def hook(groq_emulator, quick_retries):
    from airflow_provider_groq.hooks.groq import GroqHook

    with GroqHook() as hook:
        yield hook


@pytest.fixture
def connect(monkeypatch):
    """Sets the connection `groq_default`: a URI, or the fields of one in JSON beside the key."""

    def connect(uri=None, **fields):
        described = {"conn_type": "groq", "password": "gsk_secret_key", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", uri or json.dumps(described))

    return connect


@pytest.fixture
def new_batch(hook, tmp_path):
    """Makes a batch."""
    path = tmp_path / "one.jsonl"
    path.write_bytes(LINE)

    def new_batch():
        return hook.create_batch(hook.upload_file(path).id).id

    return new_batch
