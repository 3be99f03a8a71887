"""Faults of Groq at random moments."""

SECONDS = 6.0
"""A fault that nothing has met in so many seconds is over."""

PAUSE = (1.0, 4.0)
"""Between two faults, in seconds."""

CREATE = {"path": "/batches", "method": "POST"}
UPLOAD = {"path": "/files", "method": "POST"}
LIST = {"path": "/batches", "method": "GET"}
GET = {"path": "/batches/*", "method": "GET"}
DOWNLOAD = {"path": "/files/*/content", "method": "GET"}
BUSY = {"status": 429, "headers": {"Retry-After": "1"}, "times": 2}

FAULTS = [
    CREATE | BUSY,
    CREATE | {"status": 500},
    CREATE | {"status": 502, "takes_effect": True},
    CREATE | {"drop": "before"},
    CREATE | {"drop": "after"},
    CREATE | {"delay": 3.0},
    UPLOAD | BUSY,
    UPLOAD | {"status": 500},
    UPLOAD | {"status": 502, "takes_effect": True},
    UPLOAD | {"drop": "before"},
    UPLOAD | {"drop": "after"},
    UPLOAD | {"delay": 3.0},
    LIST | BUSY,
    LIST | {"status": 500},
    LIST | {"drop": "before"},
    LIST | {"delay": 3.0},
    GET | {"status": 404, "times": 2},
    GET | {"status": 502},
    GET | {"drop": "after"},
    DOWNLOAD | {"drop": "middle"},
    DOWNLOAD | {"status": 503},
    {"status": 503, "times": None, "for_seconds": 3.0},
    {"drop": "before", "times": None, "for_seconds": 3.0},
]


class Trouble:
    """Scripts one fault after another, as its random numbers say."""

    def __init__(self, emulator, random, now):
        self._emulator = emulator
        self._random = random
        self._next = now

    def go_on(self, now):
        """Script the next fault if its time has come."""
        if now < self._next:
            return
        self._next = now + self._random.uniform(*PAUSE)
        self._emulator.fault(**{"for_seconds": SECONDS, **self._random.choice(FAULTS)})

    def met(self):
        """How many requests a fault has befallen."""
        return sum(fault["used"] for fault in self._emulator.faults())
