"""How are versions numbered? The cellar's own scheme, and plain SemVer 2.0.

A scheme answers three questions: which shape has a version, which comes next, and what must come first.
May import core and semver.
"""

from typing import Literal, Protocol

from gitcellar.core.names import ModelName
from gitcellar.core.versions import Version, VersionOrder

SchemeName = Literal["cellar", "semver"]
Bump = Literal["major", "minor", "patch"]

_FIRST_BASES = (Version((0, 1)), Version((0, 0)), Version((1, 0)))


class Scheme(Protocol):
    """`registered` are all versions of the model ever registered, withdrawn ones included, in their order."""

    def find_shape_fault(self, model: ModelName, version: Version) -> str | None:
        """Why `version` has not the shape of this model's versions; None where it has."""

    def next_version(
        self, model: ModelName, registered: VersionOrder, base: Version | None, bump: Bump | None
    ) -> Version | None:
        """What follows; None where the scheme has no such step. `base` is what a project model is tuned from."""

    def find_sequence_fault(self, model: ModelName, version: Version, registered: VersionOrder) -> str | None:
        """Why `version`, of the right shape, may not be the next one; None where it may."""


class CellarScheme:
    """Base models `X.Y`, project models `X.Y.Z` where X.Y is the base's version. No gaps."""

    def find_shape_fault(self, model: ModelName, version: Version) -> str | None:
        if version.build:
            return "build metadata (+…) would make two names of one version"
        if model.kind == "model":
            return "a model outside a rack is neither a base nor a project model"
        if model.kind == "base" and len(version.numbers) != 2:
            return "a base model's version is X.Y"
        if model.kind == "project" and (len(version.numbers) != 3 or version.numbers[2] == 0):
            return "a project model's version is X.Y.Z, where Z counts from 1"
        return None

    def next_version(
        self, model: ModelName, registered: VersionOrder, base: Version | None, bump: Bump | None
    ) -> Version | None:
        if model.kind == "base":
            return self._next_base(registered, bump)
        if model.kind != "project" or base is None or bump in ("major", "minor"):
            return None
        x, y, _ = base.triple
        newest = registered.find_newest((x, y))
        z = newest.triple[2] if newest is not None and not newest.prerelease else 0
        return Version((x, y, z + 1))

    def find_sequence_fault(self, model: ModelName, version: Version, registered: VersionOrder) -> str | None:
        x, y, z = version.triple
        if model.kind == "project":
            return f"{x}.{y}.{z - 1} comes first" if z > 1 and Version((x, y, z - 1)) not in registered else None
        if not registered.finals:
            return None if version.final in _FIRST_BASES else "the first version is 0.1, 0.0 or 1.0"
        first = registered.finals[0]
        if version.final < first:
            return f"{first} was the first version"
        if y > 0:
            return None if Version((x, y - 1)) in registered else f"{x}.{y - 1} comes first"
        before = registered.find_newest((x - 1,))
        return None if before is not None and not before.prerelease else f"{x - 1}.0 comes first"

    def _next_base(self, registered: VersionOrder, bump: Bump | None) -> Version | None:
        if bump == "patch":
            return None
        if not registered.finals:
            return Version((1, 0)) if bump == "major" else _FIRST_BASES[0]
        x, y, _ = registered.finals[-1].triple
        return Version((x + 1, 0)) if bump == "major" else Version((x, y + 1))


class SemVerScheme:
    """Plain SemVer 2.0 for models of any name, with gaps as its author likes."""

    def find_shape_fault(self, model: ModelName, version: Version) -> str | None:
        return None if len(version.numbers) == 3 else "a SemVer version is X.Y.Z"

    def next_version(
        self, model: ModelName, registered: VersionOrder, base: Version | None, bump: Bump | None
    ) -> Version | None:
        import semver  # here, for only a write by this scheme needs it

        if not registered.finals:
            return Version((1, 0, 0) if bump == "major" else (0, 1, 0))
        following = semver.Version(*registered.finals[-1].triple).next_version(bump or "minor")
        return Version((following.major, following.minor, following.patch))

    def find_sequence_fault(self, model: ModelName, version: Version, registered: VersionOrder) -> str | None:
        return None


def scheme_of(name: SchemeName) -> Scheme:
    """The scheme that a policy names."""
    return CellarScheme() if name == "cellar" else SemVerScheme()
