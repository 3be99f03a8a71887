"""The one source of time in the emulator."""

import time


class Clock:
    """Wall-clock time plus what tests have added to it, so that hours pass at once."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """Return the emulated time in Unix seconds."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the emulated time forward by `seconds`."""
        if seconds < 0:
            raise ValueError(f"time goes forward only: cannot advance by {seconds} s")
        self.offset += seconds
