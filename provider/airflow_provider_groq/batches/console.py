"""Where a person finds a batch."""

from __future__ import annotations

from urllib.parse import urlencode

CONSOLE = "https://console.groq.com/batches"
"""The page of Groq's console for all batches."""


def console_url(batch_id: str) -> str:
    """The page of Groq's console for a batch."""
    return f"{CONSOLE}?{urlencode({'id': batch_id})}"
