"""The command: `python -m airflow_provider_groq.emulator`."""

import argparse
import sys

from airflow_provider_groq.emulator.server import serve
from airflow_provider_groq.emulator.settings import DEFAULT_SECONDS, Settings

MAX_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_groq.emulator",
        description="Groq's Files and Batch API on a local port, for demos and tests.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on (default: a free one)")
    parser.add_argument("--api-key", help="the only good API key (default: any that is not empty)")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        help="how long a batch takes (default: %(default)s)",
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="stop when this parent process is gone")
    asked = parser.parse_args(arguments)
    return serve(asked.host, asked.port, Settings(seconds=asked.seconds), asked.api_key, asked.parent)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= MAX_PORT:
        raise ValueError(text)
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(text)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
