"""What may stand in `gitcellar.yaml`? Its sections, as pydantic checks them and `gitcellar schema` prints them.

May import core, pydantic, policy.judge for the ids of rules, policy.people and policy.settings.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, model_validator

from gitcellar.core.contract import Casting
from gitcellar.core.days import Day, require_order
from gitcellar.core.errors import CellarError, did_you_mean
from gitcellar.core.manifest import Entry
from gitcellar.core.names import parse_stage_name
from gitcellar.core.tags import Dialect
from gitcellar.policy.judge import RULES
from gitcellar.policy.people import is_principal, read_key
from gitcellar.policy.schemes import SchemeName
from gitcellar.policy.settings import NONE, Severity, find_duration

_RULE_IDS = [rule.id for rule in RULES]
_WITH_METRIC = ("at_least", "at_most", "improves_on")
_ALONE = ("claim", "age_at_least", "scan", "command")


def _check_stage(text: str) -> str:
    try:
        return parse_stage_name(text)
    except CellarError as error:
        raise ValueError(error.message) from error


def _check_rule(text: str) -> str:
    if text not in _RULE_IDS:
        hint = did_you_mean(text, _RULE_IDS)
        raise ValueError(f"there is no rule {text}" + (f"; {hint}" if hint else "; gitcellar rules lists them"))
    return text


def _check_field(text: str) -> str:
    first = text.partition(".")[0]
    if first not in Entry.model_fields:
        hint = did_you_mean(first, Entry.model_fields)
        raise ValueError(f"a manifest entry has no field {first!r}" + (f"; {hint}" if hint else ""))
    return text


def _check_duration(text: str) -> str:
    if find_duration(text) is None:
        raise ValueError("write a duration as 90m, 24h, 7d or 4w")
    return text


def _check_key(text: str) -> str:
    try:
        read_key(text)
    except CellarError as error:
        raise ValueError(error.message) from error
    return text


def _check_principal(text: str) -> str:
    if not is_principal(text):
        raise ValueError("a name holds nothing that cannot be seen")
    return text


def _check_day(text: str) -> str:
    try:
        return Day(text)
    except CellarError as error:
        raise ValueError(error.message) from error


def _check_size(value: Any) -> Any:
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,6})? ?(?i:[kmgtpe]?i?b?)", str(value)):
        raise ValueError("write a size as 500MB or 20GB")
    return value


def _read_off(value: Any) -> Any:
    return "off" if value is False else value  # a policy that was written for YAML 1.1, where off is false


StageName = Annotated[str, AfterValidator(_check_stage)]
RuleId = Annotated[str, AfterValidator(_check_rule)]
EntryField = Annotated[str, AfterValidator(_check_field)]
Duration = Annotated[str, AfterValidator(_check_duration)]
PublicKey = Annotated[str, AfterValidator(_check_key)]
Percentage = Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,6})?%$")]
# pydantic's own type overflows on a number of 400 digits.
Size = Annotated[ByteSize, BeforeValidator(_check_size)]
Glob = Annotated[str, Field(min_length=1, max_length=300)]
# A wildcard or a list would make one key several people (ssh-keygen(1), ALLOWED SIGNERS).
Principal = Annotated[
    str, Field(pattern=r"^[^\s,*?!\"#@]+(@[^\s,*?!\"#@]+)?$", max_length=200), AfterValidator(_check_principal)
]
Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=50)]
WrittenDay = Annotated[
    str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"), AfterValidator(_check_day)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GateSection(_Strict):
    """A gate: a metric with `at_least`, `at_most` or `improves_on`; or a claim, an age, a scan, or a command."""

    metric: str | None = Field(default=None, min_length=1, description="by the dotted path of its key")
    at_least: float | None = None
    at_most: float | None = None
    improves_on: StageName | None = Field(default=None, description="a stage, previous, or base")
    by: Annotated[float, Field(ge=0)] | Percentage | list[Role | Principal] | None = Field(
        default=None, description="how much a metric improves, 0.005 or 1%; or the roles and people who may claim"
    )
    higher_is_better: bool = True
    claim: str | None = Field(default=None, pattern=r"^evaluated\.[A-Za-z0-9][A-Za-z0-9._-]*$")
    age_at_least: str | None = Field(
        default=None, pattern=r"^[0-9]{1,5}[mhdw] in [A-Za-z0-9._-]+$", description="24h in staging"
    )
    scan: Literal["clean"] | None = None
    command: list[Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]] | None = Field(
        default=None, min_length=1, description="run by `gitcellar evaluate`, and recorded as a claim"
    )

    @model_validator(mode="after")
    def _check_one(self) -> GateSection:
        limits = [key for key in _WITH_METRIC if getattr(self, key) is not None]
        alone = [key for key in _ALONE if getattr(self, key) is not None]
        if len(limits) + len(alone) != 1 or (self.metric is None) != bool(alone):
            raise ValueError(
                "a gate is a metric with one of at_least, at_most and improves_on, or one of claim, age_at_least, "
                "scan and command"
            )
        if self.improves_on is None and "higher_is_better" in self.model_fields_set:
            raise ValueError("higher_is_better belongs to improves_on")
        if self.by is not None and isinstance(self.by, list) != (self.claim is not None):
            raise ValueError("by is an amount beside improves_on, and a list of roles or people beside claim")
        if self.by is not None and self.improves_on is None and self.claim is None:
            raise ValueError("by belongs to improves_on or claim")
        return self


class QuorumSection(_Strict):
    """How many people, and how many of them in each role."""

    count: int = Field(default=1, ge=1, le=20)
    roles: dict[Role, Annotated[int, Field(ge=1, le=20)]] = {}


class ApprovalsSection(QuorumSection):
    """How many people approve a version before it enters a stage, in which roles, and who may not."""

    excluded: list[Literal["author", "promoter"]] = Field(
        default=["author"], alias="not", description="whose approval does not count"
    )


class BreakGlassSection(_Strict):
    """Who may promote alone in an emergency, and for how long until it must be ratified."""

    by: list[Role | Principal] = Field(min_length=1)
    within: Duration = Field(default="24h", alias="for")


class ReturnSection(_Strict):
    """Who may put back, without approvals, a version that was live not long ago."""

    within: Duration
    by: list[Role | Principal] = Field(min_length=1)


class StageSection(_Strict):
    """A stage. Without `from`, it is entered from anywhere."""

    entered_from: list[StageName] | None = Field(
        default=None, alias="from", description="the stages that a version may come from; none is that of a new version"
    )
    exclusive: bool = Field(default=False, description="without effect: what is displaced from any stage is archived")
    by: list[Role | Principal] | None = Field(default=None, description="the roles and people who may assign")
    gates: list[GateSection] = Field(default=[], description="what a version must have to show")
    approvals: ApprovalsSection | None = None
    break_glass: BreakGlassSection | None = None
    comes_back: ReturnSection | None = Field(default=None, alias="return", description="a rollback without approvals")
    withdrawn: Literal["keep", "remove"] = Field(
        default="keep", description="what reconcile, agent and index do with a version that is withdrawn while live"
    )


def _check_stages(stages: list[str] | dict[str, StageSection | None]) -> list[str] | dict[str, StageSection | None]:
    if not stages:
        raise ValueError("name at least one stage")
    for stage, section in stages.items() if isinstance(stages, dict) else ():
        for entered_from in (section.entered_from or []) if section else []:
            if entered_from not in (*stages, NONE):
                hint = did_you_mean(entered_from, [*stages, NONE])
                raise ValueError(
                    f"{stage} is entered from {entered_from}, and there is no such stage"
                    + (f"; {hint}" if hint else "")
                )
    return stages


class FilesSection(_Strict):
    """The files of a model's folder, which is named as the model; globs relative to it."""

    required: list[Glob] = []
    optional: list[Glob] | None = Field(default=None, description="where it is given, no other file may stand there")


class ModelSection(_Strict):
    """What holds for the models that `match` names. What is left out stays as an earlier section has it.

    What is required adds up: of fields, of fields before a stage, and of files.
    """

    match: Glob = Field(description="a glob: * stays within a part of the name, ** crosses parts")
    scheme: SchemeName | None = Field(default=None, description="how versions are numbered")
    stages: Annotated[list[StageName] | dict[StageName, StageSection | None], AfterValidator(_check_stages)] | None = (
        Field(default=None, description="the stages that versions may enter, and where each is entered from")
    )
    names: list[Glob] | None = Field(default=None, description="globs, one of which a new model's name must match")
    protected: list[Glob] | None = Field(
        default=None, description="branches, one of which must contain a version's commit"
    )
    required: list[EntryField] | None = Field(default=None, description="fields that every manifest entry has")
    required_for: dict[StageName, list[EntryField]] | None = Field(
        default=None, description="fields that an entry has before its version enters a stage"
    )
    contract: Literal["optional", "required"] | None = Field(
        default=None, description="whether an entry has a contract from X = 1 on"
    )
    casting: Casting | None = Field(
        default=None, description="lossless where the server casts inputs of another dtype if no value changes"
    )
    environment: Literal["optional", "locked"] | None = Field(
        default=None, description="whether an entry names the exact versions of what it was trained with"
    )
    signed: Literal["optional", "required"] | None = Field(
        default=None, description="whether every event is signed by one of the people"
    )
    chained: Literal["optional", "required"] | None = Field(
        default=None, description="whether every event stands in the chain that its model's tip ends"
    )
    files: FilesSection | None = Field(default=None, description="the files of a model's folder")
    max_size: Size | None = Field(default=None, description="of a checkpoint, such as 20GB")
    rules: dict[RuleId, Annotated[Severity, BeforeValidator(_read_off)]] | None = Field(
        default=None, description="how much a rule counts: error, warning or off"
    )


class ExceptionSection(_Strict):
    """A rule that does not hold for some models until a day, and why."""

    rule: RuleId
    match: Glob = Field(description="a glob over the names of models")
    reason: str = Field(min_length=1)
    until: WrittenDay = Field(description="the last day, in UTC: 2026-12-31")


class FreezeSection(_Strict):
    """Stages of some models that nothing enters until a day, and why."""

    match: Glob = Field(description="a glob over the names of models")
    stages: list[StageName] = Field(default=[], description="none for all")
    reason: str = Field(min_length=1)
    until: WrittenDay = Field(description="the last day, in UTC: 2026-12-31")


class KeySection(_Strict):
    """A public key, of SSH or as `gpg --armor --export` prints it, and when its signatures count."""

    key: PublicKey
    since: WrittenDay | None = Field(default=None, alias="from", description="the first day, in UTC")
    until: WrittenDay | None = Field(default=None, description="the last day, in UTC")
    revoked: bool = Field(default=False, description="then it counts at no time, not even in the past")

    @model_validator(mode="after")
    def _check_days(self) -> KeySection:
        try:
            require_order(self.since, self.until)
        except CellarError as error:
            raise ValueError(error.message) from error
        return self


class PersonSection(_Strict):
    """Somebody who signs. Keys may stand in .gitcellar/allowed_signers instead."""

    roles: list[Role] = []
    keys: list[PublicKey | KeySection] = []


class PolicySection(ModelSection):
    """The whole file. Without a file, the defaults hold."""

    match: Glob = "**"
    cellar: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]{0,199}$", description="its name, which every claim repeats"
    )
    dialect: Dialect = Field(default="cellar", description="how tags are spelled: gto writes what GTO reads")
    coordination: bool = Field(default=True, description="off where the Git host refuses refs below refs/gitcellar/")
    max_push: int = Field(
        default=10_000, ge=1, le=1_000_000, description="how many registry tags one push may bring to a server"
    )
    people: dict[Principal, PersonSection | None] = Field(default={}, description="who signs, with which keys")
    policy_changes: QuorumSection | None = Field(
        default=None, description="who approves a change of this file and of .gitcellar/allowed_signers"
    )
    models: list[ModelSection] = []
    exceptions: list[ExceptionSection] = []
    freezes: list[FreezeSection] = []
