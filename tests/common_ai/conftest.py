"""common-ai's operators on Groq, one try after another; skipped where common-ai is not installed."""

import asyncio
import json
from importlib import import_module
from types import SimpleNamespace

import pytest
from tries import TaskInstance

SMALL, LARGE, LOOSE = "openai/gpt-oss-20b", "openai/gpt-oss-120b", "qwen/qwen3.8-27b"
"""Two models that can be held to a schema, and one that cannot."""


def imported(module):
    """A module of common-ai; skips the test that wants it where there is none."""
    pytest.importorskip("airflow.providers.common.ai.batch", reason="needs airflow-provider-groq[common-ai]")
    return import_module(f"airflow.providers.common.ai.{module}")


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    """No waiting for a listing that shows late what is there."""
    monkeypatch.setattr("airflow_provider_groq.submission.submit.LOOKUPS", (0.0, 0.1, 0.2))


@pytest.fixture
def adapter(groq_emulator):
    imported("batch")
    from airflow_provider_groq.common_ai.adapter import GroqBatchAdapter

    adapter = GroqBatchAdapter(api_key=groq_emulator.api_key, base_url=groq_emulator.url)
    yield adapter
    adapter.close()


@pytest.fixture
def submit(adapter):
    """Makes a batch of prompts."""
    text = imported("batch.output_schema").build_output_spec(str)

    def make(requests=("one", "two", "three"), *, key="0123456789abcdef", fingerprint="f" * 64, **options):
        options = {"model": SMALL, "output_spec": text} | options
        asked = [{"prompt": request} if isinstance(request, str) else request for request in requests]
        return adapter.submit(asked, idempotency_key=key, input_fingerprint=fingerprint, **options).batch_id

    return make


class Tries:
    """One try after another of the same task, each as a new process would run it.

    Attributes:
        folder: Where its results go.
    """

    def __init__(self, emulator, folder):
        self.emulator = emulator
        self.folder = folder

    def operator(self, requests=("one", "two", "three"), **options):
        pause = options.pop("poll_interval", 0.05)
        defaults = {"llm_conn_id": "groq_default", "model_id": f"groq:{SMALL}", "result_path": str(self.folder)}
        kind = imported("operators.llm_batch").LLMBatchOperator
        create = kind(task_id="create", requests=[*requests], **defaults | options)
        create.poll_interval = pause  # common-ai refuses less than 30 s
        return create

    def context(self):
        ti = TaskInstance()
        return {"ti": ti, "task_instance": ti, "dag_run": SimpleNamespace()}

    def run(self, *arguments, **options):
        """Run the next try."""
        return self.operator(*arguments, **options).execute(self.context())

    def rows(self):
        """What has been landed, in the order of the prompts."""
        (path,) = self.folder.glob("*.jsonl")
        return sorted(map(json.loads, path.read_text().splitlines()), key=lambda row: row["index"])

    def bodies(self, number=-1):
        """The bodies of the requests of a batch."""
        content = self.emulator.file_content(self.emulator.batches()[number]["input_file_id"])
        return [json.loads(line)["body"] for line in content.splitlines()]

    def posts(self):
        """What Groq was asked to do."""
        return [request.path for request in self.emulator.requests("POST")]


def fired(trigger):
    """The event of a trigger."""

    async def first():
        async for event in trigger.run():
            return event.payload
        return None

    return asyncio.run(first())


@pytest.fixture
def tries(groq_emulator, tmp_path):
    imported("batch")
    groq_emulator.set(seconds=0)
    return Tries(groq_emulator, tmp_path / "results")
