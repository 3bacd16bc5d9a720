"""How is git run? The one place that does, through GitPython's command runner, calmly and over safe protocols.

`repo.tags` and other object wrappers of GitPython are not used: their cost is quadratic in the number of tags.
May import core and store.git_errors.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from git.cmd import Git
from git.exc import GitCommandNotFound

from gitcellar.core.errors import NotFoundError, WorldError
from gitcellar.store.git_errors import GitError, NotARepositoryError, explain_failure, explain_remote_failure, find_verb

# CVE-2017-1000117 and its kin: other transports, ext:: above all, run what the URL says.
_PROTOCOLS = "https:ssh:file"
# In a clone without blobs reading an object fetches it, and of a remote on this machine git runs the program that the
# clone's config names for the other end. Our own commands name git's, so these alone may reach a path.
_REACHING = ("fetch", "push", "ls-remote")
_WHILE_READING = "https:ssh"
# git tag does not fsync, and a registration that a power cut can take back is none (git-config(1), core.fsync).
DURABLE = ("-c", "core.fsync=objects,reference")
# A repository's own config comes from strangers when its folder does, as an unpacked archive. git trusts it once the
# folder is ours, and people rely on a part of that: core.sshCommand with a deploy key, credential.helper, filters of
# LFS and hooks are left alone. What a repository has no need of, and what would start a program for a mere question,
# is off; so are, below, the programs that it names for the other end of a file:// remote. remote.*.vcs and
# core.gitProxy belong to transports that are not allowed.
_CALM = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "core.askPass="),
    *("-c", "core.alternateRefsCommand="),
    # A pushed refs/replace/ would show other contents under the ids that were judged.
    *("-c", "core.useReplaceRefs=false"),
)
# The names that git itself uses, in place of remote.NAME.uploadpack and receivepack.
UPLOAD_PACK = "--upload-pack=git-upload-pack"
RECEIVE_PACK = "--receive-pack=git-receive-pack"
# Without a byte for a minute nothing will come any more. Slower than that is bounded by the whole time alone, for a
# host that counts objects sends five bytes every five seconds (git-config(1), uploadpack.keepAlive).
_PATIENT = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60")
LISTING_SECONDS = 120.0  # a million refs at 10 Mbit/s take 80 s
_WHOLE_SECONDS = 900.0


def split_lines(output: str) -> list[str]:
    """The lines of git's output, which end at LF alone: a ref's name may hold U+0085 or U+2028."""
    return output.removesuffix("\n").split("\n") if output else []


class GitRunner:
    """Runs git in a folder. Nothing is run until asked, and nothing runs longer than `seconds`.

    That bounds every command, not those of remotes alone: in a clone without blobs reading an object fetches it.
    """

    def __init__(
        self, path: str | os.PathLike[str] = ".", *, seconds: float = _WHOLE_SECONDS, is_ours: bool = False
    ) -> None:
        """`is_ours` is a repository that was made here, and whose config nobody else wrote."""
        self.path = Path(path)
        self._seconds = seconds
        self._is_ours = is_ours
        self._git = Git(str(self.path))

    def _text(self, *args: str, stdin: str | None = None, allow: tuple[int, ...] = (0,)) -> str:
        return self._bytes(*args, stdin=stdin, allow=allow).decode("utf-8", "surrogateescape")

    def _remote_text(self, remote: str, *args: str) -> str:
        try:
            return self._text(*args)
        except NotARepositoryError:
            raise
        except GitError as error:
            raise explain_remote_failure(error, remote) from error

    def _bytes(
        self,
        *args: str,
        stdin: bytes | str | None = None,
        allow: tuple[int, ...] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        if not self.path.is_dir():
            raise NotFoundError(f"there is no folder {str(self.path)!r}")
        with _as_file(stdin) as source:
            try:
                process: Any = self._git.execute(
                    ["git", *_CALM, *_PATIENT, *args],
                    istream=source,
                    as_process=True,
                    env={"GIT_ALLOW_PROTOCOL": self._find_protocols(args), **(env or {})},
                )
            except GitCommandNotFound as error:
                hint = "https://git-scm.com/downloads"
                raise WorldError("git is not installed, or not on PATH", hint=hint) from error
            found, errors = self._wait(process, args)
        status = process.returncode
        if status not in allow:
            told, wrong = (text.decode("utf-8", "replace") for text in (found, errors))
            raise explain_failure(args, status, told, wrong, self.path)
        return found

    def _find_protocols(self, args: Sequence[str]) -> str:
        if not self._is_ours and find_verb(args) not in _REACHING:
            return _WHILE_READING
        return os.environ.get("GIT_ALLOW_PROTOCOL", _PROTOCOLS)

    def _wait(self, process: Any, args: Sequence[str]) -> tuple[bytes, bytes]:
        """What git prints on both streams. One that takes too long is ended, with all that it started."""
        try:
            found, errors = process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired as error:
            _kill_family(process.pid)
            process.communicate()
            # No GitError: what took too long has said nothing, and no caller may read a no from it.
            hint = "try again; git ls-remote shows whether the host answers"
            raise WorldError(f"git {find_verb(args)} took longer than {self._seconds:g} s", hint=hint) from error
        except BaseException:
            # We are told to end, by a signal: no git goes on without us.
            _kill_family(process.pid)
            raise
        return found, errors


def _kill_family(pid: int) -> None:
    """End a process and its descendants: git's helpers and ssh do not notice that git is gone, and hold its output.

    They stay in the terminal's process group, so that ssh can ask for a passphrase, and are found by their parents.
    """
    import psutil

    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for member in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                member.kill()


@contextmanager
def _as_file(content: bytes | str | None) -> Iterator[BinaryIO | None]:
    """Standard input as a file: a pipe would need a thread to be fed without a deadlock."""
    if content is None:
        yield None
        return
    with _spool(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content) as source:
        yield source


def _spool(content: bytes) -> BinaryIO:
    try:
        with ExitStack() as stack:
            source = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
            source.write(content)
            source.seek(0)
            stack.pop_all()
            return source
    except OSError as error:
        message = f"cannot write a temporary file: {error.strerror or error}"
        raise WorldError(message, hint="is the disk full? TMPDIR names another place") from error
