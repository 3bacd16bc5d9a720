"""What applies to one model? The policy as values, once every section that names the model has had its say.

Made by policy.config; a plain value, so that the judge and its checks need no YAML. May import core alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gitcellar.core.tags import Dialect
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


Gate = Limit | Improvement

# What a gate may improve on beside a stage.
PREVIOUS, BASE = "previous", "base"


@dataclass(frozen=True, slots=True)
class StageRules:
    """A stage of the policy. `entered_from` names the stages that a version may come from; None for any."""

    entered_from: tuple[str, ...] | None = None
    gates: tuple[Gate, ...] = ()


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
class ModelRules:
    """The policy as it stands for one model. Without a file, these defaults."""

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


def matches(glob: str, name: str) -> bool:
    """Whether `glob` names `name`: `*` and `?` stay within a part, `**` crosses parts."""
    pattern = "".join(
        {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))
        for piece in re.split(r"(\*\*|\*|\?)", glob)
    )
    return re.fullmatch(pattern, name) is not None
