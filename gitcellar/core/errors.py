"""How gitcellar says that it cannot go on: one kind of exception, with a message, a hint and an exit code.

"No" is not an error but a verdict (see policy.judge). May import core.urls alone.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from gitcellar.core.urls import strip_credentials

NO = 1
WRONG_REQUEST = 3
WORLD_FAILED = 4


class CellarError(Exception):
    """What could not be told or done: `message` says what is wrong, `hint` what to type next.

    Both end up in terminals, logs and JSON, and quote what git, DVC and users said: the passwords of URLs are left out.
    """

    exit_code = WRONG_REQUEST

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = strip_credentials(message)
        self.hint = None if hint is None else strip_credentials(hint)
        super().__init__(self.message)


class InvalidError(CellarError):
    """A name, version, reference or file that does not follow its format."""


class NotFoundError(CellarError):
    """A model, version, stage, commit or file that is asked for and is not there."""


class WorldError(CellarError):
    """Git, DVC, the network or the file system failed."""

    exit_code = WORLD_FAILED


class LostRaceError(CellarError):
    """Somebody else wrote first. What was planned must be planned anew."""

    exit_code = NO


def nearest(wanted: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Names that `wanted` may have been meant to be, the likeliest first, without regard to case."""
    by_folded = {name.casefold(): name for name in known}
    return [by_folded[folded] for folded in get_close_matches(wanted.casefold(), by_folded, n=most, cutoff=0.6)]


def did_you_mean(wanted: str, known: Iterable[str]) -> str | None:
    """A hint such as `did you mean vit-l/base?`, or None where nothing is near."""
    names = nearest(wanted, known)
    return f"did you mean {' or '.join(names)}?" if names else None
