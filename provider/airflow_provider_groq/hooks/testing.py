"""What the test of a connection says."""

from __future__ import annotations

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError, GroqPermissionError

PATIENCE = 15.0
"""Seconds for each step of a request, if the connection allows more: a person waits for the answer."""


def tested(settings: Settings) -> tuple[bool, str]:
    """List the models and the first page of batches, which costs nothing.

    Returns:
        Whether the connection can run batches, as far as known, and a message.
    """
    with GroqClient(settings.hurried(PATIENCE)) as client:
        try:
            models = client.send(calls.list_models(), max_retries=1).data
        except GroqError as error:
            return False, str(error)
        known = f"Groq knows the key and offers {len(models)} models"
        try:
            client.send(calls.list_batches(), max_retries=1)
        except GroqPermissionError as error:
            return False, f"{known}, but the key is not allowed to use batches. {error}"
        except GroqError as error:
            # Some gateways run batches but do not list them.
            return True, f"{known}. It is unknown whether the key can use batches: {error}"
    return True, f"{known}, and the key can use batches."
