"""Answers by a function of the test: the emulator asks the test's own process, over loopback.

One connection for each input file that is checked. The first line is the token; then each line is a request in JSON,
and is answered with a line: `{"answer": …}`, or `{"raised": "ValueError: …"}`.
"""

import json
import logging
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from airflow_provider_groq.emulator.scripts import problem_of_answer

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
CONNECT_TIMEOUT = 10.0
CLOSE_INTERVAL = 0.05

Ask = Callable[[dict[str, Any]], Any]


class FunctionError(Exception):
    """The function raised an error, gave no answer that can be used, or is not there any more."""


class FunctionServer:
    """Answers the emulator's questions with a function, one at a time, in threads of this process.

    Args:
        function: Takes a request (a line of an input file) and returns a scripted answer.
    """

    def __init__(self, function: Ask) -> None:
        self._function = function
        self._token = secrets.token_urlsafe(16)
        self._one_at_a_time = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._server = socketserver.ThreadingTCPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(CLOSE_INTERVAL,), name="groq-emulator-answers", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the emulator asks: the setting `answer_function`."""
        return f"{self._server.server_address[1]}/{self._token}"

    def close(self) -> None:
        """Answer nothing more; a question under way gets no answer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        answer, token, connections = self._answer, self._token.encode(), self._connections

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                """Answer all questions of one connection."""
                if self.rfile.readline().strip() != token:
                    return
                connections.add(self.connection)
                with suppress(OSError):  # the emulator was stopped, or the server closed
                    for line in self.rfile:
                        self.wfile.write(answer(line))
                connections.discard(self.connection)

        return Handler

    def _answer(self, line: bytes) -> bytes:
        request = json.loads(line)
        try:
            with self._one_at_a_time:
                value = self._function(request)
            problem = problem_of_answer(value)
            if problem:
                raise ValueError(f"an answer must be {problem}, not {value!r}")  # noqa: TRY301 - as if it had raised
            reply = json.dumps({"answer": value})
        except Exception as error:
            log.exception("The function given to answer_with failed for the request %r.", request.get("custom_id"))
            reply = json.dumps({"raised": f"{type(error).__name__}: {error}"})
        return reply.encode() + b"\n"


@contextmanager
def asking(address: str) -> Iterator[Ask]:
    """Connect to a `FunctionServer`; what is yielded asks it, and raises a `FunctionError`."""
    port, _, token = address.partition("/")
    try:
        connection = socket.create_connection((HOST, int(port)), CONNECT_TIMEOUT)
    except (OSError, OverflowError):  # the latter for a port of more than 65535
        yield _nobody
        return
    with connection, connection.makefile("rb") as replies:
        connection.settimeout(None)  # the function may stand at a breakpoint
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        greeting = f"{token}\n".encode()

        def ask(request: dict[str, Any]) -> Any:
            nonlocal greeting
            try:
                connection.sendall(greeting + json.dumps(request).encode() + b"\n")
                greeting = b""
                reply = json.loads(replies.readline() or b"null")
            except OSError:
                reply = None
            if reply is None:
                return _nobody(request)
            if "raised" in reply:
                raise FunctionError(f"The function given to answer_with raised {reply['raised']}")
            return reply["answer"]

        yield ask


def _nobody(_request: dict[str, Any]) -> Any:
    raise FunctionError("The function given to answer_with no longer exists.")
