"""Which refs would a push create, move or delete? The lines that git gives to its hooks, read strictly.

May import core.errors alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from gitcellar.core.errors import InvalidError

# A SHA-1 or SHA-256 id; zeros stand for a ref that does not exist.
_ID = "([0-9a-f]{40}|[0-9a-f]{64})"
# No ref has a space or a control character: git-check-ref-format(1).
_REF = r"(refs/[^\x00-\x20\x7f]+)"
_PRE_RECEIVE = re.compile(f"{_ID} {_ID} {_REF}")
# The local ref is as it was typed, such as `HEAD~1` or `:/fix a thing`.
_PRE_PUSH = re.compile(f"(?:.+) {_ID} {_REF} {_ID}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PushedRef:
    """A ref of a push. `old` is what it holds there now, `new` what it would; None where it does not exist."""

    ref: str
    old: str | None
    new: str | None


def parse_pre_push(stdin: bytes) -> list[PushedRef]:
    """`LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID` a line (githooks(5), pre-push). Raise InvalidError for other text."""
    return _parse(stdin, _PRE_PUSH, lambda new, ref, old: (ref, old, new))


def parse_pre_receive(stdin: bytes) -> list[PushedRef]:
    """`OLD-ID NEW-ID REF` a line (githooks(5), pre-receive). Raise InvalidError for other text."""
    return _parse(stdin, _PRE_RECEIVE, lambda old, new, ref: (ref, old, new))


def parse_update(ref: str, old: str, new: str) -> PushedRef:
    """The arguments of the update hook (githooks(5), update). Raise InvalidError for other text."""
    return parse_pre_receive(f"{old} {new} {ref}\n".encode("utf-8", "surrogateescape"))[0]


def _parse(
    stdin: bytes, pattern: re.Pattern[str], arrange: Callable[[str, str, str], tuple[str, str, str]]
) -> list[PushedRef]:
    text = stdin.decode("utf-8", "surrogateescape")
    if text and not text.endswith("\n"):
        raise InvalidError("the list of pushed refs ends in the middle of a line", hint="push again")
    pushed: dict[str, PushedRef] = {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        match = pattern.fullmatch(line)
        if match is None:
            raise InvalidError(f"line {number} of the pushed refs is not what git writes: {line!r:.200}")
        ref, old, new = arrange(*match.groups())
        if ref in pushed:
            raise InvalidError(f"line {number} of the pushed refs names {ref} again")
        pushed[ref] = PushedRef(ref, _known(old), _known(new))
    return list(pushed.values())


def _known(object_id: str) -> str | None:
    return object_id if object_id.strip("0") else None
