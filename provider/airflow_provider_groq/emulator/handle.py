"""The emulator in tests: start it in its own process, control it over HTTP."""

import http.client
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote, urlsplit

from airflow_provider_groq.emulator.functions import FunctionServer
from airflow_provider_groq.emulator.settings import DEFAULT_SECONDS, DEFAULT_SPEED, READY

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
CONTROL_TIMEOUT = 60.0
HTTP_OK = 200


class EmulatorError(RuntimeError):
    """The emulator did not start, or refused a control call."""


@dataclass(frozen=True)
class LoggedRequest:
    """One request that reached the emulated API.

    Args:
        method: The HTTP method.
        path: The path, without the query.
        query: The query as sent, without its question mark.
        time: When it came (Unix seconds on the emulator's clock).
        status: The status code of the answer; None if none was sent.
        fault: The id of the fault that applied, or None.
    """

    method: str
    path: str
    query: str
    time: float
    status: int | None
    fault: int | None


class GroqEmulator:
    """Groq's Files and Batch API on a local port, in its own process.

    Use it in a `with` block, or call `stop` when done. The process also ends with the one that started it.

    Args:
        seconds: How long a batch takes (s); see `advance` to move the clock.
        speed: Seconds of the emulator's clock per real second: at 3600, a batch of half a day takes 12 s.
        api_key: The only accepted key; None accepts any non-empty key.

    Raises:
        EmulatorError: The process did not start.
    """

    def __init__(
        self, *, seconds: float = DEFAULT_SECONDS, speed: float = DEFAULT_SPEED, api_key: str | None = None
    ) -> None:
        command = [sys.executable, "-m", "airflow_provider_groq.emulator", "--port", "0"]
        command += ["--seconds", str(seconds), "--speed", str(speed), "--parent", str(os.getpid())]
        if api_key is not None:
            command += ["--api-key", api_key]
        self.api_key = api_key or "gsk_emulator"
        """A key that the emulator accepts."""
        self._functions: list[FunctionServer] = []
        # In a process group of its own, so that Ctrl-C in a debugger does not end it.
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
        )
        try:
            self.url = self._read_url()
            """The base URL, without a slash at its end."""
        except BaseException:
            self.stop()
            raise

    def _read_url(self) -> str:
        output: IO[bytes] | None = self._process.stdout
        if output is None or not select.select([output], [], [], START_TIMEOUT)[0]:
            raise EmulatorError(f"the emulator was not ready within {START_TIMEOUT:.0f} s")
        line = output.readline().decode()
        if not line.startswith(READY):
            raise EmulatorError(f"the emulator ended while starting, with exit code {self._process.wait()}")
        return line.removeprefix(READY).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the process, if it still runs."""
        self._close_functions()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def connection_json(self) -> str:
        """An Airflow connection to the emulator, for a variable such as `AIRFLOW_CONN_GROQ_DEFAULT`."""
        return json.dumps({"conn_type": "groq", "host": self.url, "password": self.api_key, "extra": {}})

    def reset(self) -> None:
        """Forget all files, batches, requests and faults; restore settings and clock."""
        self._call("POST", "/reset")
        self._close_functions()

    def now(self) -> float:
        """Return the time on the emulator's clock (Unix seconds)."""
        return float(self._call("GET", "/clock")["now"])

    def advance(self, seconds: float) -> float:
        """Move the emulator's clock forward.

        Args:
            seconds: How far to move the emulator's clock forward (s).

        Returns:
            The time then (Unix seconds).

        Raises:
            EmulatorError: `seconds` is negative.
        """
        return float(self._call("POST", "/clock", {"advance": seconds})["now"])

    def settings(self) -> dict[str, Any]:
        """Return all settings by name."""
        return dict(self._call("GET", "/settings"))

    def set(self, **settings: object) -> dict[str, Any]:
        """Change settings until the next reset; existing batches keep theirs.

        Args:
            **settings: The settings to change; the documentation has a table of them.

        Returns:
            All settings by name.

        Raises:
            EmulatorError: A setting is unknown or its value of the wrong kind.
        """
        return dict(self._call("PATCH", "/settings", settings))

    def answer_with(self, function: Callable[[dict[str, Any]], Any]) -> None:
        """Answer the requests of later batches with a function of this process, until the next reset.

        Args:
            function: Called in a thread, once for each request, when its batch is checked. It takes the request as
                the line of the input file has it (`custom_id`, `url`, `body`), and returns the
                answer: text, JSON, `{"$error": 498}`, `{"$body": {…}, "$status": 200}`, or None for the default
                answer. If it raises an error, the request fails with 500 `answer_function_failed`, and the error
                is logged here. It must not call the emulator.
        """
        server = FunctionServer(function)
        self._functions.append(server)
        self.set(answer_function=server.address)

    def fault(self, path: str = "**", *, method: str = "*", times: int | None = 1, **fault: object) -> int:
        """Script a fault for later calls.

        Args:
            path: Which paths, with or without `/openai/v1`: `*` matches anything but a slash, `**`
                anything, such as in `/batches/*`.
            method: Which HTTP method; `*` for any.
            times: How often; None for always.
            **fault: What happens, and when: `status`, `headers`, `body`, `json`, `content_type`,
                `takes_effect`, `delay` (s), `drop`, `merge`, `skip`, `for_seconds` (s); the documentation has
                a table of them.

        Returns:
            The fault's id, as in `LoggedRequest.fault`.

        Raises:
            EmulatorError: A field is unknown, of the wrong kind, or the fault does nothing.
        """
        return int(self._call("POST", "/faults", {"path": path, "method": method, "times": times, **fault})["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the scripted faults, with how often each was `used`."""
        return list(self._call("GET", "/faults"))

    def remove_fault(self, fault_id: int) -> None:
        """Remove one fault.

        Raises:
            EmulatorError: There is no such fault.
        """
        self._call("DELETE", f"/faults/{fault_id}")

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "/faults")

    def requests(self, method: str | None = None, path: str | None = None) -> list[LoggedRequest]:
        """Return the requests that reached the API, oldest first; control requests are not among them.

        Args:
            method: Only those with this HTTP method.
            path: Only those whose path begins with this, with or without `/openai/v1`.
        """
        entries = [LoggedRequest(**entry) for entry in self._call("GET", "/requests")]
        return [
            entry
            for entry in entries
            if method in (None, entry.method) and (path is None or entry.path.startswith((path, f"/openai/v1{path}")))
        ]

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._call("DELETE", "/requests")

    def batches(self) -> list[dict[str, Any]]:
        """Return all batches, oldest first, as Groq shows them, each with its `account` (its key)."""
        return list(self._call("GET", "/batches"))

    def force_status(
        self,
        batch_id: str,
        status: str | None,
        *,
        processed: int | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Set a batch's status, which then stays until it is set again or released.

        Args:
            batch_id: The batch.
            status: The status, one that Groq has or any other; None lets the clock decide again.
            processed: How many requests were processed; None for as many as the clock says, and of a failed batch for
                none.
            errors: What a failed batch gives as its errors.

        Returns:
            The batch as Groq shows it.

        Raises:
            EmulatorError: There is no such batch, or its input file is invalid and it can only fail.
        """
        asked = {"status": status, "processed": processed, "errors": errors}
        return dict(self._call("POST", f"/batches/{quote(batch_id, safe='')}/status", asked))

    def files(self) -> list[dict[str, Any]]:
        """Return all files, oldest first, as Groq shows them, each with its `account` (its key)."""
        return list(self._call("GET", "/files"))

    def file_content(self, file_id: str) -> bytes:
        """Return a file's bytes.

        Raises:
            EmulatorError: There is no such file.
        """
        return self._request("GET", f"/files/{quote(file_id, safe='')}/content")

    def _close_functions(self) -> None:
        while self._functions:
            self._functions.pop().close()

    def _call(self, method: str, path: str, body: object = None) -> Any:
        return json.loads(self._request(method, path, body))

    def _request(self, method: str, path: str, body: object = None) -> bytes:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=CONTROL_TIMEOUT)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/_emulator{path}", content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            received = answer.read()
        finally:
            connection.close()
        if answer.status != HTTP_OK:
            raise EmulatorError(f"{method} {path}: {json.loads(received)['error']['message']}")
        return received
