"""Runs commands under the watch, each in a fork of one process that has imported everything: 20 ms in place of 600.

The server is a process of its own, with one thread, so that forking is sound whatever pytest and its plug-ins do.
`Worker` is the test's side. Requests and answers are JSON, one a line.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.hostile.watch import Limits, parse_limits, watch, write_line

# Of a processor, for a machine on which other tests run is slow. Who waits rather than computes has longer.
SECONDS, WAITING, MEGABYTES = 10, 60, 500
# What ends a run that would take the machine with it; what is too much is told by the peak that was measured.
_MOST_DATA = 3 * 1024**3
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """A command to run: its words behind `gitcellar`, and where."""

    words: Sequence[str]
    folder: str
    env: Mapping[str, str]
    stdin: str
    limits: Limits


@dataclass(frozen=True)
class Ran:
    """How it ended: minus the signal's number where one ended it.

    `seconds` are a processor's, of it and of what it started; `peak` is its largest process, in megabytes.
    """

    status: int
    out: str
    err: str
    seconds: float
    peak: float
    trespasses: tuple[str, ...]


class Worker:
    """The test's side of the server."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(self, run: Run) -> Ran:
        answer = self._ask({**run.__dict__, "limits": run.limits.to_json(), "env": dict(run.env)})
        return Ran(**{**answer, "trespasses": tuple(answer["trespasses"])})

    def warm(self, run: Run) -> None:
        """Import into the server what a command imports on its way."""
        self._ask({**run.__dict__, "limits": run.limits.to_json(), "env": dict(run.env), "warm": True})

    def close(self) -> None:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer


def serve() -> None:
    """Answer requests until there are no more."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    import gitcellar

    for module in pkgutil.walk_packages(gitcellar.__path__, "gitcellar."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for line in requests:
        answers.write(json.dumps(_serve(json.loads(line))).encode() + b"\n")
        answers.flush()


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        files = {
            name: stack.enter_context(tempfile.TemporaryFile()) for name in ("stdin", "out", "err", "log", "modules")
        }
        files["stdin"].write(request["stdin"].encode("utf-8", "surrogateescape"))
        files["stdin"].seek(0)
        child = os.fork()
        if child == 0:
            _become(request, files)
        _, status, usage = os.wait4(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # git processes that outlived it
        if request.get("warm"):
            for name in _read(files["modules"]).split():
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "out": _read(files["out"]),
            "err": _read(files["err"]),
            "seconds": usage.ru_utime + usage.ru_stime,
            "peak": usage.ru_maxrss / 1024,
            "trespasses": list(dict.fromkeys(_read(files["log"]).splitlines())),
        }


def _become(request: dict[str, Any], files: Mapping[str, IO[bytes]]) -> None:
    """Be the command, in a fork; never return."""
    status = 70
    try:
        os.setpgid(0, 0)
        for number, name in enumerate(("stdin", "out", "err")):
            os.dup2(files[name].fileno(), number)
        # Fresh ones as Python makes them, for libraries that were imported into the server have wrapped its own.
        sys.stdin = os.fdopen(0, "r")
        sys.stdout = os.fdopen(1, "w", errors="surrogateescape")
        sys.stderr = os.fdopen(2, "w", errors="backslashreplace")
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["folder"])
        tempfile.tempdir = None
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_DATA, _MOST_DATA))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.setitimer(signal.ITIMER_REAL, WAITING)
        sys.argv = ["gitcellar", *request["words"]]
        watch(parse_limits(request["limits"]), lambda line: write_line(files["log"].fileno(), line))
        status = _run_command()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os.write(files["modules"].fileno(), " ".join(sorted(sys.modules)).encode())
        os._exit(status)


def _run_command() -> int:
    from gitcellar.doors.cli.main import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    return 70


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    serve()
