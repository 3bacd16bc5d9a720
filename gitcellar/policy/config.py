"""What are the rules of this cellar? `gitcellar.yaml`, by glob over the names of models.

The file's top level speaks of all models, each of `models:` of those that it matches, and what stands later refines
what stands earlier. May import core, pydantic and policy.judge, for the ids of rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, model_validator

from gitcellar.core.documents import Document, DocumentError, Path, as_document, parse_document, validate
from gitcellar.core.errors import CellarError, did_you_mean
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName, parse_stage_name
from gitcellar.core.tags import Dialect
from gitcellar.policy.judge import RULES
from gitcellar.policy.schemes import SchemeName
from gitcellar.policy.settings import (
    DEFAULT_STAGES,
    NONE,
    FileRules,
    Gate,
    Improvement,
    Limit,
    ModelRules,
    RuleException,
    Severity,
    StageRules,
    matches,
)

FILE = "gitcellar.yaml"
_RULE_IDS = [rule.id for rule in RULES]


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


def _read_off(value: Any) -> Any:
    return "off" if value is False else value  # YAML 1.1 reads off as false


StageName = Annotated[str, AfterValidator(_check_stage)]
RuleId = Annotated[str, AfterValidator(_check_rule)]
EntryField = Annotated[str, AfterValidator(_check_field)]
Percentage = Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,6})?%$")]
Glob = Annotated[str, Field(min_length=1, max_length=300)]
# YAML reads an unquoted 2026-12-31 as a date.
Day = Annotated[str, BeforeValidator(str), Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GateSection(_Strict):
    """A gate: a metric with `at_least`, `at_most` or `improves_on`, one of them."""

    metric: str = Field(min_length=1, description="by the dotted path of its key")
    at_least: float | None = None
    at_most: float | None = None
    improves_on: StageName | None = Field(default=None, description="a stage, previous, or base")
    by: Annotated[float, Field(ge=0)] | Percentage | None = Field(default=None, description="how much: 0.005, or 1%")
    higher_is_better: bool = True

    @model_validator(mode="after")
    def _check_one(self) -> GateSection:
        if sum(each is not None for each in (self.at_least, self.at_most, self.improves_on)) != 1:
            raise ValueError("a gate has one of at_least, at_most and improves_on")
        if self.improves_on is None and self.model_fields_set & {"by", "higher_is_better"}:
            raise ValueError("by and higher_is_better belong to improves_on")
        return self


class StageSection(_Strict):
    """A stage. Without `from`, it is entered from anywhere."""

    entered_from: list[StageName] | None = Field(
        default=None, alias="from", description="the stages that a version may come from; none is that of a new version"
    )
    gates: list[GateSection] = Field(default=[], description="what a version must have measured")


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
    """What holds for the models that `match` names. What is left out stays as an earlier section has it."""

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
    environment: Literal["optional", "locked"] | None = Field(
        default=None, description="whether an entry names the exact versions of what it was trained with"
    )
    files: FilesSection | None = Field(default=None, description="the files of a model's folder")
    max_size: ByteSize | None = Field(default=None, description="of a checkpoint, such as 20GB")
    rules: dict[RuleId, Annotated[Severity, BeforeValidator(_read_off)]] | None = Field(
        default=None, description="how much a rule counts: error, warning or off"
    )


class ExceptionSection(_Strict):
    """A rule that does not hold for some models until a day, and why."""

    rule: RuleId
    match: Glob = Field(description="a glob over the names of models")
    reason: str = Field(min_length=1)
    until: Day = Field(description="the last day, in UTC: 2026-12-31")


class PolicySection(ModelSection):
    """The whole file. Without a file, the defaults hold."""

    match: Glob = "**"
    dialect: Dialect = Field(default="cellar", description="how tags are spelled: gto writes what GTO reads")
    coordination: Literal[True, False] = Field(
        default=True, description="off where the Git host refuses refs below refs/gitcellar/"
    )
    models: list[ModelSection] = []
    exceptions: list[ExceptionSection] = []


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of the policy. `line` is that of the file which says so; None for a default."""

    key: str
    value: Any
    line: int | None
    match: str = "**"


_DEFAULTS: Mapping[str, Any] = {
    "scheme": "cellar",
    "dialect": "cellar",
    "coordination": True,
    "stages": {name: {"from": list(rules.entered_from or ())} for name, rules in DEFAULT_STAGES.items()},
    "contract": "optional",
    "environment": "optional",
}
# Mappings of which a later section may refine one key and leave the others.
_BY_KEY = ("rules", "required_for")


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read: what it says, and the line on which it says so."""

    content: PolicySection = field(default_factory=PolicySection)
    document: Document = field(default_factory=lambda: as_document({}, FILE))

    @property
    def is_written(self) -> bool:
        """Whether there was a file with anything in it, rather than the defaults alone."""
        return bool(self.document.value)

    @property
    def dialect(self) -> Dialect:
        """How tags are spelled."""
        return self.content.dialect

    @property
    def exceptions(self) -> tuple[RuleException, ...]:
        """Every exception that is written down, also those that have ended."""
        return tuple(
            RuleException(e.rule, e.match, e.reason, e.until, self.document.lines.get(("exceptions", number), 0))
            for number, e in enumerate(self.content.exceptions)
        )

    def settings_of(self, model: ModelName | None) -> dict[str, Setting]:
        """What applies to a model, by key, and who said so; of None what applies where no model is named."""
        settings = {key: Setting(key, value, None) for key, value in _DEFAULTS.items()}
        for setting in self.settings():
            if matches(setting.match, model.text) if model else setting.match == "**":
                settings[setting.key] = setting
        return settings

    def settings(self) -> Iterator[Setting]:
        """Every value that the file sets, in its order. A rule's or stage's own key stands behind a dot."""
        for at, section in self._sections():
            for key in ("dialect", "coordination") if not at else ():
                if key in section.model_fields_set:
                    yield Setting(key, getattr(section, key), self._line((key,)))
            for key in ModelSection.model_fields:
                value = getattr(section, key)
                if key == "match" or value is None:
                    continue
                if key in _BY_KEY:
                    for name, inner in value.items():
                        line = self._line((*at, key, name))
                        yield Setting(f"{key}.{name}", inner, line, section.match)
                else:
                    plain = section.model_dump(include={key}, by_alias=True, exclude_unset=True)[key]
                    yield Setting(key, plain, self._line((*at, key)), section.match)

    def rules_of(self, model: ModelName | None) -> ModelRules:
        """What applies to one model; of None what applies where no model is named."""
        said = {key: setting.value for key, setting in self.settings_of(model).items()}
        files = said.get("files")
        return ModelRules(
            said["scheme"],
            _read_stages(said["stages"]),
            said["dialect"],
            said["coordination"],
            tuple(said.get("names", ())),
            tuple(said.get("protected", ())),
            tuple(said.get("required", ())),
            {key.partition(".")[2]: tuple(value) for key, value in said.items() if key.startswith("required_for.")},
            said["contract"] == "required",
            said["environment"] == "locked",
            None if files is None else FileRules(tuple(files.get("required", ())), _as_tuple(files.get("optional"))),
            said.get("max_size"),
            {key.partition(".")[2]: value for key, value in said.items() if key.startswith("rules.")},
            self.exceptions,
        )

    def _sections(self) -> Iterator[tuple[Path, ModelSection]]:
        yield (), self.content
        for number, section in enumerate(self.content.models):
            yield ("models", number), section

    def _line(self, path: Path) -> int:
        return self.document.lines.get(path, 1)


def parse_policy(content: bytes, file: str = FILE) -> Policy:
    """Read a policy; an empty file is the default one. Raise DocumentError with every fault."""
    document = parse_document(content, file)
    value: Any = {} if document.value is None else document.value
    policy, faults = validate(PolicySection, document, value)
    if policy is None:
        raise DocumentError(faults)
    return Policy(policy, document)


def _read_stages(said: list[str] | Mapping[str, Any]) -> dict[str, StageRules]:
    """The stages in their order. A plain list says nothing of where each is entered from."""
    if not isinstance(said, Mapping):
        return {name: StageRules() for name in said}
    return {name: _read_stage(section or {}) for name, section in said.items()}


def _read_stage(said: Mapping[str, Any]) -> StageRules:
    return StageRules(_as_tuple(said.get("from")), tuple(map(_read_gate, said.get("gates", ()))))


def _read_gate(said: Mapping[str, Any]) -> Gate:
    if said.get("improves_on") is None:
        return Limit(said["metric"], said.get("at_least"), said.get("at_most"))
    by = said.get("by")
    return Improvement(said["metric"], said["improves_on"], str(by or 0), said.get("higher_is_better", True))


def _as_tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
