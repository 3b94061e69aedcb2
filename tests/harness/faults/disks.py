"""File systems of the harness's own, which can be filled and whose power can be cut. Needs Linux and root."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_WITHOUT_THE_LOG = struct.pack("I", 2)  # EXT4_GOING_FLAGS_NOLOGFLUSH: nothing more reaches the device
_MEMORY = Path("/dev/shm")


class Unavailable(Exception):
    """This machine does not let us mount file systems; the text says why."""


def own_mounts() -> None:
    """Gives this process and those that it starts a view of mounts of their own, which ends with the last of them.

    So whatever is mounted goes away even if everything is killed, and loop devices with it. To be called before any
    other thread runs.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Unavailable("mounting file systems needs Linux and root")
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS):
        raise Unavailable(f"no mounts of our own: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")


class Disk:
    """A disk that is a file in memory, with an ext4 file system on it."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image = image
        self.place = place

    @classmethod
    @contextlib.contextmanager
    def mounted(cls, megabytes: int) -> Iterator["Disk"]:
        """A new disk, mounted until the end of the block."""
        with tempfile.TemporaryDirectory(prefix="tallywire-disk-", dir=_MEMORY) as name:
            Path(name).chmod(0o711)  # PostgreSQL runs as another user
            disk = cls(Path(name) / "image", Path(name) / "mounted")
            disk.place.mkdir()
            with disk._image.open("wb") as image:
                image.truncate(megabytes << 20)
            _run("mkfs.ext4", "-q", "-m", "0", str(disk._image))
            disk.mount()
            try:
                yield disk
            finally:
                disk.take_away()

    def mount(self) -> None:
        """Mounts the file system; after a power cut this is where its journal is replayed."""
        _run("mount", "-o", "loop", str(self._image), str(self.place))
        self.place.chmod(0o755)

    def unmount(self) -> None:
        """Takes it away. What a cut has kept from the device is lost."""
        try:
            _run("umount", str(self.place))
        except Unavailable as error:
            raise Unavailable(f"{error}; used by {sorted(set(self._users()))}") from None

    def take_away(self) -> None:
        """Unmounts, and ends what still uses the disk: nobody else can see it."""
        try:
            self.unmount()
        except Unavailable:
            for pid in set(self._users()) - {os.getpid()}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(1)  # for the kernel to let go of what they had open
            self.unmount()

    def _users(self) -> Iterator[int]:
        """The processes that hold something open there, or are there."""
        for handle in (*Path("/proc").glob("[0-9]*/fd/*"), *Path("/proc").glob("[0-9]*/cwd")):
            with contextlib.suppress(OSError):
                if handle.readlink().is_relative_to(self.place):
                    yield int(handle.parts[2])

    def cut_power(self) -> None:
        """From this moment nothing is written to the device any more: neither data nor the journal."""
        handle = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _WITHOUT_THE_LOG)
        finally:
            os.close(handle)

    def fill(self) -> None:
        """Takes all the room there is."""
        with (self.place / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(self.place).free)
        with (self.place / "crumbs").open("ab", buffering=0) as crumbs, contextlib.suppress(OSError):
            while True:
                crumbs.write(bytes(4096))

    def make_room(self) -> None:
        """Gives back what fill took."""
        for name in ("ballast", "crumbs"):
            (self.place / name).unlink(missing_ok=True)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
