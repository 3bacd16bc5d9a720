"""A service ends cleanly, tells systemd that it is well, and does not ask in vain."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psutil
import pytest

from gitcellar.core.errors import CellarError, InvalidError, LostRaceError, NotFoundError, WorldError
from gitcellar.doors.cli import pacing
from gitcellar.store.git_errors import GitError, NoAccessError, explain_remote_failure
from gitcellar.store.git_remote import RemoteRepository
from gitcellar.store.systemd import ServiceManager, find_service_manager
from tests.support.cellars import Bench
from tests.support.live import make_live

PROGRAM = Path(sys.executable).parent / "gitcellar"
SECONDS = 30.0


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(SECONDS)
        yield listener


def start(folder: Path, *words: str, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(PROGRAM), *words],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **env},
    )


def stop(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Send SIGTERM. Return the exit code, and what was said on stderr."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=SECONDS)
    return process.returncode, errors.decode()


LOOPS = {
    "agent": ("agent", "--repo", "URL", "--stage", "production", "--into", "m"),
    "reconcile": ("reconcile", "--repo", "URL", "--to", "deploy", "--watch"),
    "event": ("event", "--repo", "URL", "--follow"),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_service_ends_with_0_on_sigterm_and_tells_systemd_each_step(
    tmp_path: Path, told: socket.socket, loop: str
) -> None:
    bench = make_live(tmp_path / "cellar")
    words = [word.replace("URL", bench.url) for word in LOOPS[loop]]
    env = {"NOTIFY_SOCKET": str(told.getsockname()), "WATCHDOG_USEC": "400000", "XDG_STATE_HOME": str(tmp_path)}
    process = start(bench.folder, *words, "--every", "1h", **env)
    assert told.recv(99) == b"READY=1"
    # Between two looks too, though the pause is longer than the watchdog's patience.
    assert [told.recv(99) for _ in range(4)] == [b"WATCHDOG=1"] * 4
    status, errors = stop(process)
    assert (status, errors.splitlines()[-1]) == (0, "Ended: by SIGTERM; nothing is half done")
    while (last := told.recv(99)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"


def test_sigterm_ends_a_git_that_waits_for_a_server(tmp_path: Path, told: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(SECONDS)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        env = {"GIT_ALLOW_PROTOCOL": "http", "NOTIFY_SOCKET": str(told.getsockname())}
        process = start(tmp_path, "agent", "--repo", url, "--stage", "s", "--into", "m", **env)
        with silent.accept()[0]:
            children = psutil.Process(process.pid).children(recursive=True)
            assert any(child.name().startswith("git") for child in children)
            assert stop(process)[0] == 0
            _, left = psutil.wait_procs(children, timeout=SECONDS)
            assert left == []


def test_the_variables_of_systemd_reach_no_command_of_ours() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid()), "A": "b"}
    manager = find_service_manager(environment)
    assert (manager.watchdog, manager.interval) == (2.0, 1.0)
    assert environment == {"A": "b"}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"WATCHDOG_USEC": "1000"},
        {"NOTIFY_SOCKET": "/x"},
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "-5"},
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "\u0665"},
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
)
def test_a_watchdog_that_nobody_asked_us_for_is_not_fed(said: dict[str, str]) -> None:
    assert find_service_manager(dict(said)).watchdog is None


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_an_abstract_socket_is_told_too() -> None:
    name = f"gitcellar-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(SECONDS)
        ServiceManager(f"@{name}").tell_ready()
        assert listener.recv(99) == b"READY=1"


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody-listens", "", "x" * 500])
def test_a_systemd_that_does_not_listen_stops_nothing(address: str) -> None:
    ServiceManager(address, 1.0).tell_ready()


def repeat_once(look: Callable[[], bool], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of a loop that is ended in its third."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("time.sleep", sleep)
    pacing.repeat(click.Context(click.Command("x")), look, every=10, once=False)
    return pauses


HOPELESS = {
    "no such repository": NoAccessError("there is none", status=128, output=""),
    "a wrong request": InvalidError("no such stage"),
    "nothing there": NotFoundError("there is no folder"),
}
PASSING = {"down": WorldError("down"), "git failed": GitError("x", status=1, output=""), "a race": LostRaceError("x")}


@pytest.mark.parametrize("error", HOPELESS.values(), ids=HOPELESS)
def test_what_no_retry_can_mend_ends_the_first_look(error: CellarError, monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> bool:
        raise error

    with pytest.raises(type(error)):
        repeat_once(look, monkeypatch)


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_tried_again_from_the_first_look_on(
    error: CellarError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> bool:
        raise error

    pauses = repeat_once(look, monkeypatch)
    assert pauses == pytest.approx([20, 40, 60], rel=0.101)


def test_what_is_hopeless_later_is_tried_again_after_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True])

    def look() -> bool:
        if next(answers, False):
            return True
        raise HOPELESS["no such repository"]

    monkeypatch.setattr(pacing, "_LONGEST", 15.0)
    assert repeat_once(look, monkeypatch) == pytest.approx([10, 20, 40], rel=0.101)


def test_a_process_that_goes_on_collects_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.disable()
    seen: list[bool] = []

    def look() -> bool:
        seen.append(gc.isenabled())
        return True

    try:
        repeat_once(look, monkeypatch)
    finally:
        gc.enable()
    assert seen == [True] * 3


@pytest.mark.parametrize(
    ("said", "hopeless"),
    [
        ("fatal: '/x.git' does not appear to be a git repository", True),
        ("remote: Repository not found.\nfatal: repository 'https://example.com/x.git/' not found", True),
        ("fatal: Authentication failed for 'https://example.com/x.git/'", True),
        ("fatal: could not read Username for 'https://example.com': terminal prompts disabled", True),
        ("git@example.com: Permission denied (publickey).", True),
        ("Host key verification failed.", True),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", False),
        ("fatal: unable to access 'https://x/': Failed to connect: Connection refused", False),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 502", False),
        ("fatal: the remote end hung up unexpectedly", False),
    ],
)
def test_a_refusal_is_told_from_a_failure(said: str, hopeless: bool) -> None:
    error = explain_remote_failure(GitError("git ls-remote failed", status=128, output=said), "there")
    assert isinstance(error, NoAccessError) == hopeless


def test_a_service_for_a_repository_that_does_not_exist_ends_with_4(tmp_path: Path, bench: Bench) -> None:
    url = f"file://{tmp_path}/nowhere.git"
    with pytest.raises(NoAccessError):
        RemoteRepository(url).list_tags()
    done = bench.gitcellar("agent", "--repo", url, "--stage", "production", "--into", "m")
    assert (done.status, done.err.splitlines()[0]) == (4, f"Error: there is no git repository at {url}")
