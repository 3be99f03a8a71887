"""What the test of a connection says."""

from __future__ import annotations

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError, GroqPermissionError

PATIENCE = 15.0
"""Seconds for each step of a request, if the connection allows more: a person waits for the answer."""


def tested(settings: Settings) -> tuple[bool, str]:
    """Ask for the models and for the first page of batches, which is free of charge.

    Returns:
        Whether batches can be run with the connection, as far as that can be told, and what was found, in words.
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
            return False, f"{known}, but the key may not use batches. {error}"
        except GroqError as error:
            # Some gateways serve batches, and do not list them.
            return True, f"{known}. Whether it may use batches is not known: {error}"
    return True, f"{known}, and the key may use batches."
