"""A server that answers a byte at a time, for ever, holds nobody longer than was agreed."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from gitcellar.core.errors import WorldError
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RemoteRepository, initialized
from gitcellar.store.http import Patience, get, post

SHORT = Patience(connect=1.0, between=1.0, whole=0.5)
FINE = b"HTTP/1.1 200 OK\r\n"
GIT = FINE + b"Content-Type: application/x-git-upload-pack-advertisement\r\n\r\n"
FOR_EVER = 15.0  # seconds; long enough to be no answer, short enough to end a test that fails
ENOUGH = 10.0


@contextmanager
def dripping(at_once: bytes, drops: Callable[[], Iterable[bytes]]) -> Iterator[int]:
    """A server on loopback that says something at once, then a drop in every 50 ms. Yield its port."""
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(at_once)
            until = time.monotonic() + FOR_EVER
            for drop in drops():
                connection.sendall(drop)
                if ended.wait(0.05) or time.monotonic() > until:
                    return

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)


@contextmanager
def in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < ENOUGH


ANSWERS = {
    "status line": (b"HTTP/1.1 200 ", lambda: itertools.repeat(b"x")),
    "one header": (FINE + b"X: ", lambda: itertools.repeat(b"x")),
    "many headers": (FINE, lambda: (f"X{n}: y\r\n".encode() for n in itertools.count())),
    "continue": (b"", lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
}
BODIES = {
    "body": (FINE + b"Content-Length: 99999\r\n\r\n", lambda: itertools.repeat(b"x")),
    "body without an end": (FINE + b"\r\n", lambda: itertools.repeat(b"x")),
    "chunks": (FINE + b"Transfer-Encoding: chunked\r\n\r\n", lambda: itertools.repeat(b"1\r\nx\r\n")),
    "size of a chunk": (FINE + b"Transfer-Encoding: chunked\r\n\r\n", lambda: itertools.repeat(b"0")),
}


@pytest.mark.parametrize("answer", [*ANSWERS, *BODIES])
def test_what_is_asked_for_has_a_whole_time(answer: str) -> None:
    with dripping(*{**ANSWERS, **BODIES}[answer]) as port, in_time(), pytest.raises(WorldError, match="cannot read"):
        get(f"http://127.0.0.1:{port}/", patience=SHORT)


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_posted_has_a_whole_time(answer: str) -> None:
    with dripping(*ANSWERS[answer]) as port, in_time(), pytest.raises(WorldError, match="did not take it"):
        post(f"http://127.0.0.1:{port}/", b"{}", content_type="x", patience=SHORT, sleep=lambda _: None)


def test_a_webhook_whose_answer_has_no_end_took_it() -> None:
    with dripping(*BODIES["body"]) as port, in_time():
        post(f"http://127.0.0.1:{port}/", b"{}", content_type="x", patience=SHORT)


def test_redirects_share_one_time() -> None:
    again = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    with dripping(b"", lambda: (bytes([each]) for each in again)) as port, in_time(), pytest.raises(WorldError):
        get(f"http://127.0.0.1:{port}/", patience=SHORT)


def test_an_answer_that_was_packed_is_not_unpacked() -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    with dripping(body, lambda: ()) as port:
        assert get(f"http://127.0.0.1:{port}/") == b"abc"


@pytest.mark.parametrize("protocol", ["http", "git"])
def test_git_is_ended_with_all_that_it_started(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "http:git")
    # A pkt-line of 65,519 bytes, of which one comes at a time.
    at_once = (GIT if protocol == "http" else b"") + b"ffef"
    with dripping(at_once, lambda: itertools.repeat(b"x")) as port, in_time():
        with pytest.raises(WorldError, match="git ls-remote took longer than 0.5 s"):
            RemoteRepository(f"{protocol}://127.0.0.1:{port}/x.git", seconds=0.5).list_tags()
        with initialized(f"{protocol}://127.0.0.1:{port}/x.git") as repository:
            hasty = GitRepository(repository.path, seconds=0.5)
            with pytest.raises(WorldError, match="git fetch took longer than 0.5 s"):
                hasty.fetch("origin", ["refs/tags/*:refs/tags/*"])
        left = [each.name() for each in psutil.Process().children(recursive=True)]
        assert not [name for name in left if name.startswith("git")]
