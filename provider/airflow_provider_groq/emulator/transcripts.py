"""The body of a transcription or translation, in the shape that Groq gives it."""

from typing import Any

SECONDS = 10.0
"""How long every recording is."""


def transcript(endpoint: str, asked: dict[str, Any], text: str | None, request_id: str) -> dict[str, Any]:
    """Return the body of an answer.

    Args:
        endpoint: The endpoint that was asked.
        asked: The body of the request.
        text: What is said in the recording; None for a sentence that names its `url`.
        request_id: The request's id.
    """
    translated = endpoint.endswith("translations")
    if text is None:
        text = f"Emulated {'translation' if translated else 'transcript'} of {asked['url']}"
    ends = {"text": text, "x_groq": {"id": request_id}}
    if asked.get("response_format") != "verbose_json":
        return ends
    language = "en" if translated else asked.get("language") or "en"
    segment = {"id": 0, "start": 0.0, "end": SECONDS, "text": text}
    about = {"task": "translate" if translated else "transcribe", "language": language, "duration": SECONDS}
    return {**about, **ends, "segments": [segment]}
