"""What may a process that reads a stranger's repository do? An audit hook (PEP 578) that writes down all else.

It runs in the watched process and imports the standard library alone, so that `sitecustomize` can load it in any Python.
A file is written down and left to happen, which shows what the product makes of it; a program or a connection is refused
as well, for it could do harm outside of the test.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

# JSON of the Limits, and the file that takes a line for each thing that was not allowed.
LIMITS_VARIABLE, LOG_VARIABLE = "HOSTILE_LIMITS", "HOSTILE_LOG"
PROGRAMS = ("git", "ssh-keygen", "gpgv")
# Where Python, its libraries and the C library live, and what every process reads of the system.
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", sys.prefix, sys.base_prefix)
_DEVICES = ("/dev/null", "/dev/tty", "/dev/urandom", "/dev/random")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# For each event the positions of paths that change, with those of their folder's descriptor. The last part of such a
# path is what the operation is about, also where it is a link.
_CHANGING: dict[str, tuple[tuple[int, int], ...]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
}
# Likewise, of what follows a link.
_FOLLOWING: dict[str, tuple[int, int | None]] = {
    "os.truncate": (0, None),
    "os.chmod": (0, 2),
    "os.chown": (0, 3),
    "os.utime": (0, 3),
    "os.setxattr": (0, None),
    "sqlite3.connect": (0, None),
}
_LISTING = ("os.listdir", "os.scandir")
_STARTING = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "pty.spawn")
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def _frames() -> Iterator[FrameType]:
    """The nearest callers of what raised an event."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(8):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


@dataclass(frozen=True)
class Limits:
    """Folders that may be read beside those of Python and the system, folders that may be changed, and hosts."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    hosts: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def parse_limits(text: str) -> Limits:
    said = json.loads(text)
    return Limits(tuple(said["reads"]), tuple(said["writes"]), tuple(said["hosts"]))


def watch(limits: Limits, report: Callable[[str], None]) -> None:
    """Report everything that this process does beyond the limits, from now on and for good."""
    sys.addaudithook(_Watch(limits, report))


def watch_by_environment() -> None:
    """What `sitecustomize` calls: watch where the environment says so."""
    if LOG_VARIABLE in os.environ:
        log = os.open(os.environ[LOG_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        watch(parse_limits(os.environ[LIMITS_VARIABLE]), lambda line: write_line(log, line))


def write_line(log: int, line: str) -> None:
    """Append a line to an open file; os.write raises no audit event."""
    os.write(log, f"{line.encode('utf-8', 'backslashreplace').decode()!r}\n".encode("ascii", "backslashreplace"))


class _Watch:
    def __init__(self, limits: Limits, report: Callable[[str], None]) -> None:
        self.report = report
        self.reads = tuple(map(os.path.realpath, (*_SYSTEM, *limits.reads, *limits.writes)))
        self.writes = tuple(map(os.path.realpath, (*_DEVICES, *limits.writes)))
        self.hosts = limits.hosts
        self.programs = {os.path.realpath(found) for found in map(shutil.which, PROGRAMS) if found}

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            # What is removed is opened by its name in a folder that is open already, of which an event says nothing.
            if not any(frame.f_code.co_name == "_rmtree_safe_fd" for frame in _frames()):
                self.open(*args)
        elif event in _CHANGING:
            for place, folder in _CHANGING[event]:
                self.change(event, _find_entry(args[place], args[folder]))
        elif event in _FOLLOWING:
            place, at = _FOLLOWING[event]
            self.change(event, _find_target(args[place], None if at is None else args[at]))
        elif event in _LISTING:
            self.read(event, _find_target(args[0], None))
        elif event in _STARTING:
            self.start(event, args)
        elif event in _CONNECTING:
            self.connect(event, args[1])
        elif event in _LOOKING_UP:
            self.connect(event, (args[0],))

    def open(self, path: Any, mode: Any, flags: int) -> None:
        target = _find_target(path, None)
        if flags & _WRITING:
            self.change("open", target)
        else:
            self.read("open", target)

    def read(self, event: str, path: str | None) -> None:
        if path is not None and not _is_inside(path, self.reads):
            self.report(f"{event} reads {path}")

    def change(self, event: str, path: str | None) -> None:
        if path is not None and not _is_inside(path, self.writes):
            self.report(f"{event} changes {path}")

    def start(self, event: str, args: tuple[Any, ...]) -> None:
        program = os.fsdecode(args[0]) if event != "os.system" else "/bin/sh"
        found = shutil.which(program)
        if found is None or os.path.realpath(found) not in self.programs:
            self.report(f"{event} starts {program}")
            raise PermissionError(f"the watch lets no {program} start")

    def connect(self, event: str, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(host, bytes):
            host = os.fsdecode(host)
        if host not in self.hosts and host not in (None, "", socket.gethostname()):
            self.report(f"{event} reaches {address}")
            raise PermissionError(f"the watch lets nothing reach {host}")


def _find_target(path: Any, folder: int | None) -> str | None:
    """What a path leads to, through links; None for a descriptor or a database in memory."""
    if isinstance(path, int) or path in (None, ":memory:"):
        return None
    return os.path.realpath(_absolute(path, folder))


def _find_entry(path: Any, folder: int | None) -> str | None:
    """The entry of a folder that a path names: its last part may itself be a link."""
    if isinstance(path, int):
        return None
    parent, name = os.path.split(_absolute(path, folder).rstrip("/"))
    return os.path.join(os.path.realpath(parent), name)


def _absolute(path: Any, folder: int | None) -> str:
    text = os.fsdecode(path)
    start = os.getcwd() if folder in (None, -1) else os.path.realpath(f"/proc/self/fd/{folder}")
    return os.path.join(start, text)


def _is_inside(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
