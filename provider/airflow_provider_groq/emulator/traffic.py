"""What every request to the emulated API goes through: the log, then the scripted faults."""

import asyncio
import json
from contextlib import suppress

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_groq.emulator.errors import error_body
from airflow_provider_groq.emulator.faults import Fault
from airflow_provider_groq.emulator.json_lines import dump
from airflow_provider_groq.emulator.state import State
from airflow_provider_groq.emulator.wire import JsonResponse

KINDS = {401: "invalid_request_error", 403: "permissions_error", 429: "rate_limit_exceeded"}
DRAIN_INTERVAL = 0.005
SERVER_ERROR = 500


class Traffic:
    """ASGI middleware that logs requests and makes faults happen; control requests pass untouched."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith("/_emulator"):
            await self._app(scope, receive, send)
            return
        now = self._state.clock.now()
        entry = self._state.log.start(scope, now)
        fault = self._state.faults.take(scope["method"], scope["path"], now)

        async def logged_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        if fault is None:
            await self._app(scope, receive, logged_send)
        else:
            entry.fault = fault.id
            await _Exchange(fault, self._app, self._state.stopping).run(scope, receive, logged_send)


class _Exchange:
    """One request that a fault befalls."""

    def __init__(self, fault: Fault, app: ASGIApp, stopping: asyncio.Event) -> None:
        self._fault = fault
        self._app = app
        self._stopping = stopping

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault
        transport: asyncio.Transport = scope["state"]["transport"]
        if fault.drop == "before":
            await self._wait()
            await _abort(transport, receive)
        elif fault.drop == "after":
            await self._app(scope, receive, _discard)
            await self._wait()
            await _abort(transport, receive)
        elif fault.drop == "middle":
            half = _Half(send)
            await self._answer(scope, receive, half)
            while transport.get_write_buffer_size():  # noqa: ASYNC110 - a transport has no event for it
                await asyncio.sleep(DRAIN_INTERVAL)
            await _abort(transport, receive)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the fault says, or as the app does with what the fault does to it."""
        fault = self._fault
        if fault.status is not None:
            if fault.takes_effect:
                await self._app(scope, receive, _discard)
            await self._wait()
            await scripted_response(fault)(scope, receive, send)
        elif fault.merge is not None:
            collected = _Collected()
            await self._app(scope, receive, collected)
            await self._wait()
            await collected.merged(fault.merge)(scope, receive, send)
        else:
            await self._app(scope, receive, self._late(send))

    def _late(self, send: Send) -> Send:
        async def late_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._wait()
            await send(message)

        return late_send

    async def _wait(self) -> None:
        """Wait for the delay, unless the emulator is stopped."""
        if self._fault.delay:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._fault.delay)


def scripted_response(fault: Fault) -> Response:
    """Return the answer that a fault gives in place of the real one."""
    status = fault.status or 200
    if fault.body is not None:
        return Response(fault.body, status, fault.headers, fault.content_type or "text/plain")
    kind = "internal_server_error" if status >= SERVER_ERROR else KINDS.get(status, "invalid_request_error")
    content = fault.json if fault.json is not None else error_body(f"Scripted fault ({status}).", kind=kind)
    return JsonResponse(content, status, fault.headers, fault.content_type)


async def _discard(_message: Message) -> None:
    """Send nothing."""


async def _abort(transport: asyncio.Transport, receive: Receive) -> None:
    """Drop the connection, and wait until uvicorn knows: else it would try to answer on it."""
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


class _Half:
    """Sends the headers and half of the body that they announce."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._left = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            lengths = [int(value) for name, value in message["headers"] if name.lower() == b"content-length"]
            self._left = lengths[0] // 2 if lengths else 0
            await self._send(message)
            return
        body = message.get("body", b"")[: self._left]
        self._left -= len(body)
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})


class _Collected:
    """Keeps an answer in JSON until it is complete, to change it."""

    def __init__(self) -> None:
        self._status = 200
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        else:
            self._body += message.get("body", b"")

    def merged(self, changes: dict[str, object]) -> Response:
        """Return the answer with the changes made to it, or to each item if it is a list."""
        content = json.loads(self._body)
        for item in content["data"] if content.get("object") == "list" else [content]:
            item.update(changes)
        return Response(dump(content), self._status, media_type="application/json")
