"""A proxy of the environment stands between this machine and others, not between it and itself."""

import pytest

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.exceptions import GroqTransportError


@pytest.fixture(autouse=True)
def proxy(monkeypatch):
    # Nobody listens there.
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_loopback_is_asked_directly(settings):
    with GroqClient(settings()) as client:
        assert client.send(calls.list_models()).data


def test_other_hosts_are_asked_through_it(settings):
    with (
        GroqClient(settings(base_url="https://groq.invalid", max_retries=0)) as client,
        pytest.raises(GroqTransportError, match=r"could not be sent.*Connection refused"),
    ):
        client.send(calls.list_models())
