"""What went wrong with git, in the words of somebody who did not type the command?

Prose of git is read here for its message, and for how soon it is worth asking again; never for an answer. May import
core.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gitcellar.core.errors import NotFoundError, WorldError


class GitError(WorldError):
    """Git exited with an error. `status` is its exit code, `output` what it printed on both streams."""

    def __init__(self, message: str, *, status: int, output: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.output = output


class NotARepositoryError(GitError):
    """There is no repository where one was expected."""

    exit_code = NotFoundError.exit_code


class NoAccessError(GitError):
    """There is no such remote repository, or it may not be read: asking again changes nothing until that is mended."""


def find_verb(args: Sequence[str]) -> str:
    """The command among git's words, such as fetch."""
    return next((arg for arg in args if not arg.startswith("-") and "=" not in arg), "git")


def explain_failure(args: Sequence[str], status: int, output: str, errors: str, path: Path) -> GitError:
    verb = find_verb(args)
    text = errors.strip() or output.strip()
    lines = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))] or text.splitlines()
    reason = lines[0].partition(": ")[2] or lines[0] if lines else f"exit status {status}"
    whole = f"{output}\n{errors}"
    if "not a git repository" in text:
        return NotARepositoryError(
            f"{path.absolute()} is not in a git repository",
            status=status,
            output=whole,
            hint="git init, or use -C PATH",
        )
    lock = re.search(r"Unable to create '([^']+\.lock)': File exists", text)
    if lock is not None:
        hint = f"if none is running, a crash left it behind: rm '{lock[1]}'"
        return GitError(f"another git process holds {lock[1]}", status=status, output=whole, hint=hint)
    if "dubious ownership" in text:
        hint = f"if you trust it: git config --global --add safe.directory {path.absolute()}"
        return GitError(f"{path.absolute()} belongs to somebody else", status=status, output=whole, hint=hint)
    return GitError(f"git {verb} failed: {reason}", status=status, output=whole)


def explain_remote_failure(error: GitError, remote: str) -> GitError:
    """The same failure, in the words of somebody who asked for a remote."""
    text = error.output
    check_url, log_in = "check the URL: git remote -v", "log in as git does: git ls-remote URL"
    reasons = (
        (NoAccessError, "does not appear to be a git repository", "there is no git repository at", check_url),
        (NoAccessError, "transport", "this way of reaching a repository is not allowed:", "use https, ssh or a path"),
        (GitError, "Could not resolve host", "no network, or no such host:", "check the connection and the URL"),
        (NoAccessError, "Authentication failed", "the host refused the credentials for", log_in),
        (NoAccessError, "could not read Username", "the host wants credentials for", log_in),
        (NoAccessError, "Permission denied", "the host refused access to", "check your key: ssh -T HOST"),
        (
            NoAccessError,
            "Host key verification failed",
            "the host is not known to ssh:",
            "ssh HOST, and compare its key",
        ),
        (
            GitError,
            "does not support push options",
            "push options are not supported by",
            "leave out --push-option, or on the server: git config receive.advertisePushOptions true",
        ),
        (GitError, "Connection refused", "nothing answers at", "is the server up?"),
    )
    for kind, sign, message, hint in reasons:
        if sign in text:
            return kind(f"{message} {remote}", status=error.status, output=text, hint=hint)
    # As git says it of an HTTP 404: fatal: repository 'https://example.com/x.git/' not found
    if re.search(r"repository '[^'\n]*' not found", text):
        return NoAccessError(
            f"there is no git repository at {remote}", status=error.status, output=text, hint=check_url
        )
    return error
