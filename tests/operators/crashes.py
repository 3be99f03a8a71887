"""Crashes of a try from within: at a file or an exchange of a given number, without a process of its own."""

import errno
import os
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import httpx

FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
"""What Python tells an audit hook of files."""


class Crash(BaseException):
    """Ends a try wherever it is, and is no error that anything handles."""


class Crashes:
    """Makes tries of a job crash.

    Args:
        monkeypatch: Pytest's.
        folder: Which files count: those in it.
    """

    def __init__(self, monkeypatch, folder):
        self._folder = str(folder)
        self._left = {}
        self._error = Crash()
        self._lock = Lock()
        self.happened = Counter()
        """How many tries have crashed, by where."""
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", self._around(httpx.HTTPTransport.handle_request))
        sys.addaudithook(self._heard)  # there is no way to take it away

    @contextmanager
    def at(self, where, number, *, full=False):
        """Let what is tried in this block crash, if it gets there.

        Args:
            where: "file", just before one is opened, moved or removed; "before" an exchange is sent, or "after" it,
                before its answer is seen; "cancel", before a batch is cancelled; "landed", when the answers are, and
                before the work folder is removed.
            number: At which of these, from 1.
            full: Whether the disk is full there, in place of the crash.
        """
        self._left = {where: number}
        self._error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else Crash()
        try:
            yield
        finally:
            self._left = {}

    def _pass(self, where):
        with self._lock:  # batches are made by several threads
            if where not in self._left:
                return
            self._left[where] -= 1
            if self._left[where]:
                return
            self.happened[where] += 1
        raise self._error

    def _heard(self, event, arguments):
        if self._left and event in FILE_EVENTS and any(self._folder in str(argument) for argument in arguments[:2]):
            self._pass("file")
            if event == "shutil.rmtree" and Path(arguments[0]).with_name("manifest.json").exists():
                self._pass("landed")

    def _around(self, handle_request):
        def handle(transport, request):
            self._pass("before")
            if request.url.path.endswith("/cancel"):
                self._pass("cancel")
            response = handle_request(transport, request)
            try:
                self._pass("after")
            except BaseException:
                response.close()
                raise
            return response

        return handle
