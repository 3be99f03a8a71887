"""A detector of calls that block an event loop."""

from contextlib import contextmanager

from blockbuster import BlockBuster


@contextmanager
def detected(modules=None):
    """Calls that block an event loop are errors: all of them, or those that come from these modules.

    The context manager of older releases of blockbuster goes on after an error.
    """
    detector = BlockBuster(modules)
    detector.activate()
    try:
        yield detector
    finally:
        detector.deactivate()
