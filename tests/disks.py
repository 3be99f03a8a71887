"""A disk of a few pages, to be filled up."""

import ctypes
import os
from contextlib import contextmanager

import pytest

PAGE = 4096


class Disk:
    """A file system of its own, of a few pages.

    Attributes:
        path: Where it is mounted.
    """

    def __init__(self, path):
        self.path = path
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, size):
        """Mount it, or give it another size."""
        remount = 0x20 if os.path.ismount(self.path) else 0
        options = f"size={size}".encode()
        if self._libc.mount(b"tmpfs", os.fsencode(self.path), b"tmpfs", remount, options):
            pytest.skip(f"a disk of its own cannot be mounted: {os.strerror(ctypes.get_errno())}")

    def unmount(self):
        if os.path.ismount(self.path):
            assert self._libc.umount2(os.fsencode(self.path), 2) == 0  # MNT_DETACH

    @contextmanager
    def full(self, *, but=0):
        """Fill it up, but for some bytes."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError:
                file.truncate(max(0, file.tell() - but))
        yield
        filler.unlink()


@pytest.fixture
def disk(tmp_path):
    """A disk of 64 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    disk = Disk(path)
    disk.mount("64k")
    yield disk
    disk.unmount()
