"""Spares Python's garbage collector the waits of this process, if there are thousands of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping

MANY = 1_000
"""How many waits are never frozen: as many as a triggerer runs triggers, if it is not configured otherwise."""

THAW_SECONDS = 3600.0
"""After so long, one run goes through all objects."""

FULL = 2
"""The generation of a full run."""

NOT_OURS = 1_000
"""More frozen objects are somebody else's. Python 3.12 itself freezes some hundred."""


class Freezer:
    """Freezes the objects of this process while many waits are running.

    A full run of the garbage collector stops the event loop while it goes through all objects, except frozen ones. So
    all objects are frozen when many waits are running, and after each full run, those that it left. What is frozen is
    freed when nothing refers to it any more, as else, but not what only refers to itself. For that, all is unfrozen
    once an hour, and when few waits are left.

    If somebody else has frozen objects before, it does nothing.

    Args:
        many: How many waits are never frozen.
        thaw_seconds: After how long all is unfrozen until the next full run.
    """

    # Without a lock: all triggers of a process run in one thread, and a count that is wrong by one does no harm.
    def __init__(self, many: int = MANY, thaw_seconds: float = THAW_SECONDS) -> None:
        self._many = many
        self._thaw_seconds = thaw_seconds
        self._thaw_at = 0.0
        self._waits = 0
        self._freezes = False

    def count(self, change: int) -> None:
        """Take note of a wait.

        Args:
            change: 1 when it begins, -1 when it ends.
        """
        self._waits += change
        if self._freezes:
            if self._waits <= self._many // 2:
                self._stop()
        elif change > 0 and self._waits == self._many + 1:
            self._start()

    def _start(self) -> None:
        if gc.get_freeze_count() > NOT_OURS:
            return
        self._freezes = True
        self._thaw_at = time.monotonic() + self._thaw_seconds
        gc.freeze()
        gc.callbacks.append(self._after_run)

    def _stop(self) -> None:
        self._freezes = False
        gc.callbacks.remove(self._after_run)
        gc.unfreeze()

    def _after_run(self, phase: str, info: Mapping[str, int]) -> None:
        if phase != "stop" or info["generation"] != FULL:
            return
        if time.monotonic() < self._thaw_at:
            gc.freeze()
        else:
            self._thaw_at = time.monotonic() + self._thaw_seconds
            gc.unfreeze()
