"""Pytest fixtures for tests of Dags: Groq's Batch API on a local port."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_groq.emulator import GroqEmulator


@pytest.fixture(scope="session")
def groq_emulator_server() -> "Iterator[GroqEmulator]":
    """The emulator's process, one per session; use `groq_emulator` in tests."""
    from airflow_provider_groq.emulator import GroqEmulator  # noqa: PLC0415 - free where no test asks

    with GroqEmulator() as emulator:
        yield emulator


@pytest.fixture
def groq_emulator(groq_emulator_server: "GroqEmulator", monkeypatch: pytest.MonkeyPatch) -> "GroqEmulator":
    """An empty emulator, to which the connection `groq_default` points."""
    groq_emulator_server.reset()
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", groq_emulator_server.connection_json)
    return groq_emulator_server
