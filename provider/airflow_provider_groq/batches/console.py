"""Where a person finds a batch."""

from __future__ import annotations

from urllib.parse import urlencode


def console_url(batch_id: str) -> str:
    """The page of Groq's console for a batch."""
    return f"https://console.groq.com/batches?{urlencode({'id': batch_id})}"
