"""Batches as Groq describes them, and lines of their files."""

import json
import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from airflow_provider_groq.api.models import Batch

set_hypothesis_home_dir(Path(os.environ["AIRFLOW_HOME"], "hypothesis"))
hypothesis.settings.register_profile("suite", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def make():
    """Makes a batch as Groq describes one; where it has ended, with the files that its counts promise."""

    def make(status="in_progress", counts=None, **fields):
        total, completed, failed = counts or (0, 0, 0)
        ended = status in {"completed", "expired", "cancelled"}
        described = {
            "id": "batch_1",
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file_in",
            "completion_window": "24h",
            "created_at": 1_700_000_000,
            "status": status,
            "request_counts": {"total": total, "completed": completed, "failed": failed},
            "output_file_id": "file_out" if ended and (completed or not failed) else None,
            "error_file_id": "file_err" if ended and failed else None,
        }
        return Batch.model_validate_json(json.dumps(described | fields))

    return make


@pytest.fixture(scope="session")
def request_line():
    """Makes a line of an input file, without its end."""

    def make(custom_id="r1", **changes):
        request = {
            "custom_id": custom_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}]},
        } | changes
        return json.dumps({name: value for name, value in request.items() if value is not ...}).encode()

    return make
