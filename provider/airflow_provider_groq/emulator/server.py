"""The emulator as a server process."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_groq.emulator.control import CONTROL
from airflow_provider_groq.emulator.routes import API
from airflow_provider_groq.emulator.settings import READY, Settings
from airflow_provider_groq.emulator.state import State
from airflow_provider_groq.emulator.traffic import Traffic
from airflow_provider_groq.emulator.wire import (
    ApiError,
    api_error_response,
    crash_response,
    gone_response,
    http_error_response,
)

KEEP_ALIVE = 75
"""How long an idle connection is kept (s): longer than by clients, or which side ends it is a race."""
MAX_HEADER_BYTES = 1 << 20
"""Room for more ids in a request than are allowed, so that the answer can say so."""
SWITCH_INTERVAL = 0.0005
"""How long a thread that checks or answers requests may keep the others from running (s)."""
GRACE = 2
"""How long requests under way may go on when the emulator is told to stop (s)."""


class DroppableProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which lets the app drop the connection (`request.state.transport`)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """A uvicorn server that says when it is ready, and stops when its parent process is gone."""

    def __init__(self, config: uvicorn.Config, url: str, stopping: asyncio.Event, parent: int | None) -> None:
        super().__init__(config)
        self._url = url
        self._stopping = stopping
        self._parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        print(f"{READY}{self._url}", flush=True)  # noqa: T201 - a command speaks on stdout

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop; asked ten times a second."""
        return await super().on_tick(counter) or (self._parent is not None and os.getppid() != self._parent)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and do not wait for slow answers."""
        self._stopping.set()
        await super().shutdown(sockets)


def build_app(state: State) -> Starlette:
    """Return the emulator as an ASGI app."""
    app = Starlette(
        routes=[API, CONTROL],
        middleware=[Middleware(Traffic, state=state)],
        exception_handlers={
            ApiError: api_error_response,
            HTTPException: http_error_response,
            ClientDisconnect: gone_response,
            Exception: crash_response,
        },
    )
    app.state.emulator = state
    return app


def serve(host: str, port: int, settings: Settings, api_key: str | None = None, parent: int | None = None) -> int:
    """Serve until a signal (SIGTERM, SIGINT) or the end of the parent process; return the exit code.

    Args:
        host: The address to listen on.
        port: The port; 0 for a free one.
        settings: The settings at the start and after every reset.
        api_key: The only good key; None if any will do.
        parent: The process to end with.
    """
    try:
        listener = _listen(host, port)
    except OSError as error:
        print(f"cannot listen on {host} port {port}: {error}", file=sys.stderr)  # noqa: T201 - likewise
        return 1
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="groq-emulator-", ignore_cleanup_errors=True) as folder:
        state = State(Path(folder), settings, api_key)
        server = Server(_config(state), url, state.stopping, parent)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        # uvicorn raises the signal that stopped it once more when it is done: this keeps the exit code at 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        sys.setswitchinterval(SWITCH_INTERVAL)
        server.run(sockets=[listener])
    return 0


def _config(state: State) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(state),
        http=DroppableProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=GRACE,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: with it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
