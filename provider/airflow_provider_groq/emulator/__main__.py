"""The command: `python -m airflow_provider_groq.emulator`."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_groq.emulator.server import serve
from airflow_provider_groq.emulator.settings import DEFAULT_SECONDS, DEFAULT_SPEED, Settings

MAX_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_groq.emulator",
        description="Groq's Files and Batch API on a local port, for demos and tests.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on (default: a free one)")
    parser.add_argument("--api-key", help="the only accepted API key (default: any non-empty key)")
    parser.add_argument(
        "--seconds",
        type=_setting("seconds", float),
        default=DEFAULT_SECONDS,
        help="how long a batch takes (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=_setting("speed", float),
        default=DEFAULT_SPEED,
        help="seconds of the emulator's clock per real second (default: %(default)s)",
    )
    parser.add_argument(
        "--answers",
        type=_answers,
        default={},
        metavar="FILE",
        help="a JSON file with answers by pattern of custom_id (default: the emulator's own answers)",
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="stop when this parent process ends")
    asked = parser.parse_args(arguments)
    settings = Settings(seconds=asked.seconds, speed=asked.speed, answers=asked.answers)
    return serve(asked.host, asked.port, settings, asked.api_key, asked.parent)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= MAX_PORT:
        raise ValueError(text)
    return port


def _setting(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what reads an argument that is a setting."""

    def argument(text: str) -> Any:
        try:
            value = read(text)
            Settings().updated({name: value})
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value

    return argument


def _answers(path: str) -> Any:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return _setting("answers", json.loads)(text)


if __name__ == "__main__":
    sys.exit(main())
