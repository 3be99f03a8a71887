"""The one source of time in the emulator."""

import time


class Clock:
    """Wall-clock time plus what tests have added to it, so that hours pass at once or in seconds.

    Args:
        speed: How many emulated seconds pass in a second.
    """

    def __init__(self, speed: float) -> None:
        self.reset(speed)

    def reset(self, speed: float) -> None:
        """Set the emulated time to the real one, from where it continues at `speed`."""
        self._speed = speed
        self._emulated = time.time()
        self._measured = time.monotonic()

    def now(self) -> float:
        """Return the emulated time in Unix seconds."""
        return self._emulated + (time.monotonic() - self._measured) * self._speed

    @property
    def offset(self) -> float:
        """How far the emulated time is ahead of the real one (s)."""
        return self.now() - time.time()

    @property
    def speed(self) -> float:
        """How many emulated seconds pass in a second; 0 stops the clock."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        measured = time.monotonic()
        self._emulated += (measured - self._measured) * self._speed
        self._measured = measured
        self._speed = speed

    def advance(self, seconds: float) -> None:
        """Move the emulated time forward by `seconds`."""
        if seconds < 0:
            raise ValueError(f"time only moves forward: cannot advance by {seconds} s")
        self._emulated += seconds
