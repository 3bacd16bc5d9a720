"""What is a version? `X.Y`, `X.Y.Z` or either with a SemVer prerelease, and which of two is the newer.

May import core.errors alone.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Container
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter

from gitcellar.core.errors import InvalidError

# Nine digits keep every number and counter within 32 bits and far from the limit of int() on text.
NUMBER = "(?:0|[1-9][0-9]{0,8})"
_IDENTIFIER = "(?:0|[1-9][0-9]{0,8}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"({NUMBER})\.({NUMBER})(?:\.({NUMBER}))?(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+({_BUILD}))?"
)
_LINE = re.compile(rf"({NUMBER})(?:\.({NUMBER}))?")

_Precedence = tuple[tuple[int, int, int], tuple[tuple[int, int, str], ...], str]
_FINAL = ((2, 0, ""),)  # above every prerelease identifier: SemVer 2.0, section 11.3


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version's numbers, two or three. `1.2` and `1.2.0` are the same version, as in PEP 440.

    Ordered by SemVer 2.0, section 11; of versions that differ in build alone, by the build's text.
    """

    numbers: tuple[int, ...]
    prerelease: str = ""
    build: str = ""
    precedence: _Precedence = field(init=False, repr=False)
    _hash: int = field(init=False, repr=False)
    _text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        x, y, z = (*self.numbers, 0)[:3]
        identifiers = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease.split(".") if part
        )
        object.__setattr__(self, "precedence", ((x, y, z), identifiers or _FINAL, self.build))
        # Taken once, for a listing asks the same few versions a hundred thousand times.
        object.__setattr__(self, "_hash", hash(self.precedence))
        object.__setattr__(self, "_text", self._spell())

    @property
    def triple(self) -> tuple[int, int, int]:
        """X, Y and Z, where Z is 0 for a version of two numbers."""
        return self.precedence[0]

    @property
    def final(self) -> "Version":
        """The version that this one is a prerelease of; itself where it is none."""
        return Version(self.numbers)

    def __eq__(self, other: object) -> bool:
        return self.precedence == other.precedence if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: "Version") -> bool:
        return self.precedence < other.precedence

    def __le__(self, other: "Version") -> bool:
        return self.precedence <= other.precedence

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self._text

    def _spell(self) -> str:
        text = ".".join(map(str, self.numbers))
        if self.prerelease:
            text += f"-{self.prerelease}"
        return f"{text}+{self.build}" if self.build else text


by_precedence = attrgetter("precedence")


@cache
def find_version(text: str) -> Version | None:
    """The version that `text` spells without a leading `v`; None where it spells none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    numbers = tuple(int(number) for number in match.group(1, 2, 3) if number is not None)
    return Version(numbers, match[4] or "", match[5] or "")


def parse_version(text: str) -> Version:
    """Like `find_version`, also with a leading `v`; raise InvalidError for what is no version."""
    version = find_version(text.removeprefix("v"))
    if version is None:
        raise InvalidError(
            f"{text!r} is no version",
            hint="a base model has X.Y, such as 1.2, and a project model X.Y.Z, such as 1.2.3; a prerelease 1.3-rc.1",
        )
    return version


def find_line(text: str) -> tuple[int, ...] | None:
    """The numbers of a line such as `1` or `1.2`; None where `text` is none."""
    match = _LINE.fullmatch(text)
    return tuple(int(number) for number in match.groups() if number is not None) if match else None


def newest(versions: Collection[Version]) -> Version | None:
    """The highest final version, or the highest prerelease where there is no final one; None of none."""
    top: Version | None = max(versions, key=by_precedence, default=None)
    if top is not None and top.prerelease:
        return max((version for version in versions if not version.prerelease), default=top)
    return top


class VersionOrder:
    """The registered versions of a model in their order, for questions that must not read all of them each time.

    It is a view of `registered`; whoever adds a version there says so with `add`.
    """

    def __init__(self, registered: Collection[Version]) -> None:
        self._registered = registered
        self._sorted: tuple[list[Version], list[Version]] | None = None

    def __contains__(self, version: Version) -> bool:
        return version in self._registered

    def add(self, version: Version) -> None:
        """Take in a version that was registered since."""
        if self._sorted is not None:
            insort(self._sorted[bool(version.prerelease)], version, key=by_precedence)

    @property
    def finals(self) -> list[Version]:
        """Every version that is no prerelease, the lowest first."""
        return self._sort()[0]

    def find_predecessor(self, version: Version, withdrawn: Container[Version] = ()) -> Version | None:
        """The newest final version before `version` under the same X, without those that were `withdrawn`."""
        end = bisect_left(self.finals, version.precedence, key=by_precedence)
        return _last(self.finals, end, version.triple[:1], withdrawn)

    def find_newest(self, line: tuple[int, ...], withdrawn: Container[Version] = ()) -> Version | None:
        """The newest version whose numbers begin with `line`: a final one, or else the highest prerelease."""
        for versions in self._sort():
            end = bisect_right(versions, line, key=lambda version: version.triple[: len(line)])
            found = _last(versions, end, line, withdrawn)
            if found is not None:
                return found
        return None

    def _sort(self) -> tuple[list[Version], list[Version]]:
        if self._sorted is None:
            ordered = sorted(self._registered, key=by_precedence)
            self._sorted = [v for v in ordered if not v.prerelease], [v for v in ordered if v.prerelease]
        return self._sorted


def _last(versions: list[Version], end: int, line: tuple[int, ...], withdrawn: Container[Version]) -> Version | None:
    """The last of `versions` before the place `end` that is on `line` and stands; all on the line stand together."""
    for at in range(end - 1, -1, -1):
        if versions[at].triple[: len(line)] != line:
            break
        if versions[at] not in withdrawn:
            return versions[at]
    return None
