"""What is shown of Airflow's log while a Dag runs."""

from __future__ import annotations

import re

LINE = re.compile(r"^\S+ \[(?P<level>\w+) *\] (?P<message>.*?)\s+\[(?P<logger>[\w.]+)\]")
SHOWN_LOGGERS = tuple(f"airflow_provider_groq.{part}" for part in ("decorators", "operators", "hooks", "triggers"))
STATES = {
    "Pausing task as DEFERRED.": "The task is deferred: it no longer occupies a worker.",
    "Task failed with exception": "The task failed.",
}


def shown(line: str) -> str | None:
    """What to show of a line of the log; None for what only concerns Airflow."""
    found = LINE.match(line)
    if not found:
        return None
    if found["message"] in STATES:
        return STATES[found["message"]]
    return found["message"] if any(name in found["logger"] for name in SHOWN_LOGGERS) else None
