"""What applies to one model? The policy as values, once every section that names the model has had its say.

Made by policy.config; a plain value, so that the judge and its checks need no YAML. May import core, people and
schemes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from gitcellar.core.contract import Casting
from gitcellar.core.tags import Dialect
from gitcellar.policy.people import People
from gitcellar.policy.schemes import SchemeName

Severity = Literal["error", "warning", "off"]

# The state of a version before it was ever put into a stage.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Limit:
    """A metric of the version is at least, or at most, a number: one of the two is set."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Improvement:
    """A metric is better than that of another version: of what is in a stage, of the `previous` version, or of `base`.

    `by` is a number or a percentage, as written: `0.005`, `1%`, or `0` for any improvement.
    """

    metric: str
    improves_on: str
    by: str = "0"
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Somebody of `by`, a role or a person, claimed something about the version: `evaluated.fairness`."""

    claim: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aged:
    """The version has been in a stage for so many seconds. `written` is how the policy says it: `24h`."""

    stage: str
    seconds: int
    written: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """Every scan of the version found it clean, and there was one."""


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command, run by CI, succeeded for the version, and a claim says so."""

    command: tuple[str, ...]


Gate = Limit | Improvement | Evaluated | Aged | Scanned | Commanded

# Whose approval may count for nothing: who registered the version, and who assigns it.
AUTHOR, PROMOTER = "author", "promoter"
# What a gate may improve on beside a stage.
PREVIOUS, BASE = "previous", "base"


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many people must approve, how many of them in each role, and whose approval counts for nothing."""

    count: int = 1
    roles: Mapping[str, int] = field(default_factory=dict)
    excluded: tuple[str, ...] = (AUTHOR,)


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Who may promote without approvals in an emergency, and within how many seconds that must be ratified."""

    by: tuple[str, ...]
    seconds: int


@dataclass(frozen=True, slots=True)
class ComingBack:
    """Who may put back without approvals a version that the stage held within so many seconds."""

    by: tuple[str, ...]
    seconds: int


@dataclass(frozen=True, slots=True)
class StageRules:
    """A stage of the policy. `entered_from` names the stages that a version may come from; None for any.

    `by` are the roles and people who may assign, empty for anybody. A version that is withdrawn while it is live keeps
    running, unless the stage `removes_withdrawn` ones.
    """

    entered_from: tuple[str, ...] | None = None
    gates: tuple[Gate, ...] = ()
    by: tuple[str, ...] = ()
    approvals: Approvals | None = None
    break_glass: BreakGlass | None = None
    comes_back: ComingBack | None = None
    removes_withdrawn: bool = False

    @property
    def asks_who(self) -> bool:
        """Whether it matters who puts a version into the stage."""
        return bool(self.by or self.approvals or self.break_glass or self.comes_back)


DEFAULT_STAGES: Mapping[str, StageRules] = {
    "staging": StageRules((NONE, "production", "archived")),
    "production": StageRules(("staging", "archived")),
    "archived": StageRules(("staging", "production")),
}


@dataclass(frozen=True, slots=True)
class FileRules:
    """Globs over the files of a model's folder, relative to it. `optional` is None where any other file may stand."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RuleException:
    """A rule that does not hold for some models until a day, and why. `until` is that day, as 2026-12-31, in UTC."""

    rule: str
    match: str
    reason: str
    until: str
    line: int = 0

    def covers(self, rule: str, model: str | None, day: str) -> bool:
        """Whether `rule` is excepted for `model` on `day`. What is about no model is excepted by `**` alone."""
        if rule != self.rule or day > self.until:
            return False
        return self.match == "**" if model is None else matches(self.match, model)


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stages of some models, or all of them, that nothing enters until a day, and why. `until` is a day in UTC."""

    match: str
    stages: tuple[str, ...]
    reason: str
    until: str
    line: int = 0

    def holds(self, model: str, stage: str, day: str) -> bool:
        """Whether nothing enters `stage` of `model` on `day`."""
        return day <= self.until and (not self.stages or stage in self.stages) and matches(self.match, model)


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The policy as it stands for one model. Without a file, these defaults.

    `policy` is the id of the file's object, so that what is judged by these rules can say by which.
    """

    scheme: SchemeName = "cellar"
    stages: Mapping[str, StageRules] = field(default_factory=lambda: DEFAULT_STAGES)
    dialect: Dialect = "cellar"
    coordination: bool = True
    names: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    required_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contract_required: bool = False
    environment_locked: bool = False
    files: FileRules | None = None
    max_size: int | None = None
    severities: Mapping[str, Severity] = field(default_factory=dict)
    exceptions: tuple[RuleException, ...] = ()
    signed: bool = False
    chained: bool = False
    freezes: tuple[Freeze, ...] = ()
    people: People = field(default_factory=People)
    cellar: str | None = None
    policy_changes: Approvals | None = None
    max_push: int = 10_000
    policy: str | None = None
    casting: Casting = "none"

    @property
    def author_stage(self) -> str | None:
        """The first stage whose approvals leave out the author, so that the author must be known."""
        asking = (name for name, stage in self.stages.items() if stage.approvals and AUTHOR in stage.approvals.excluded)
        return next(asking, None)

    def removes_withdrawn(self, stage: str) -> bool:
        """Whether a version that is withdrawn while it is live in a stage is taken out of service."""
        rules = self.stages.get(stage)
        return rules is not None and rules.removes_withdrawn


_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def find_duration(text: str) -> int | None:
    """The seconds of a duration such as `90m`, `24h`, `7d` or `4w`; None for anything else.

    >>> find_duration("24h")
    86400
    """
    match = re.fullmatch(r"([0-9]{1,5})([mhdw])", text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def matches(glob: str, name: str) -> bool:
    """Whether `glob` names `name`: `*` and `?` stay within a part, `**` crosses parts.

    Every way to match is followed at once, letter by letter. A regular expression tries one after the other, and a glob
    of a few dozen stars keeps it busy for years.

    >>> matches("vit-*/**", "vit-l/eu/base")
    True
    """
    places = _compile(glob)
    reached = places.pass_stars(1)
    for letter in name:
        within = 0 if letter == "/" else places.within
        taken = reached & (places.crossing | within | places.letters.get(letter, 0))
        reached = places.pass_stars(taken & places.stars | (taken & ~places.stars) << 1)
    return bool(reached & places.end)


@dataclass(frozen=True, slots=True)
class _Places:
    """The pieces of a glob as sets of bits, one for each piece and one for the end behind them.

    `crossing` are `**`, `within` are `*` and `?`, `stars` are `*` and `**`, which stay where they are.
    """

    letters: Mapping[str, int]
    crossing: int
    within: int
    stars: int
    end: int

    def pass_stars(self, reached: int) -> int:
        """What is reached with those places behind a star, which may stand for nothing."""
        return reached | (reached & self.stars) << 1


@lru_cache(maxsize=1024)
def _compile(glob: str) -> _Places:
    # No star stands behind another, so that to pass one is to pass them all.
    pieces = re.findall(r"\*\*|.", re.sub(r"\*\*+", "**", glob), re.DOTALL)
    bits: dict[str, int] = {}
    for number, piece in enumerate(pieces):
        bits[piece] = bits.get(piece, 0) | 1 << number
    crossing, star, any_letter = (bits.pop(piece, 0) for piece in ("**", "*", "?"))
    return _Places(bits, crossing, star | any_letter, crossing | star, 1 << len(pieces))
