"""What are the rules of this cellar? `gitcellar.yaml`, by glob over the names of models.

The file's top level speaks of all models, each of `models:` of those that it matches, and what stands later refines
what stands earlier. May import core, and policy's sections, people and settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitcellar.core.documents import Document, DocumentError, Fault, Path, as_document, parse_document, validate
from gitcellar.core.names import ModelName
from gitcellar.core.tags import Dialect
from gitcellar.policy.people import (
    SIGNERS_FILE,
    People,
    Person,
    find_shared_keys,
    merge_people,
    parse_signers,
    read_key,
)
from gitcellar.policy.sections import KeySection, ModelSection, PersonSection, PolicySection, QuorumSection
from gitcellar.policy.settings import (
    DEFAULT_STAGES,
    Aged,
    Approvals,
    BreakGlass,
    ComingBack,
    Commanded,
    Evaluated,
    FileRules,
    Freeze,
    Gate,
    Improvement,
    Limit,
    ModelRules,
    RuleException,
    Scanned,
    StageRules,
    find_duration,
    matches,
)

FILE = "gitcellar.yaml"
# To explain each of 100,000 faults with its nearest name would take 20 s.
MAX_VALUES = 20_000


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
    "casting": "none",
    "environment": "optional",
    "signed": "optional",
    "chained": "optional",
    "max_push": 10_000,
}
# What is required by one section is not excused by another that requires more.
_ADDING = ("required", "files")
# Mappings of which a later section may refine one key and leave the others.
_BY_KEY = ("rules", "required_for")


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read: what it says, and the line on which it says so.

    `blob` is the id of the object that was read; None where no file was, or one of the work tree.
    """

    content: PolicySection = field(default_factory=PolicySection)
    document: Document = field(default_factory=lambda: as_document({}, FILE))
    people: People = field(default_factory=People)
    blob: str | None = None

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

    @property
    def freezes(self) -> tuple[Freeze, ...]:
        """Every freeze that is written down, also those that have ended."""
        return tuple(
            Freeze(f.match, tuple(f.stages), f.reason, f.until, self.document.lines.get(("freezes", number), 0))
            for number, f in enumerate(self.content.freezes)
        )

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages of any model: those that a section names, and the default ones where the top names none."""
        said = [setting for setting in self.settings() if setting.key == "stages"]
        named = [stage for setting in said for stage in setting.value]
        default = () if any(setting.match == "**" for setting in said) else DEFAULT_STAGES
        return tuple(dict.fromkeys([*default, *named]))

    def settings_of(self, model: ModelName | None) -> dict[str, list[Setting]]:
        """What applies to a model, by key, and who said so; of None what applies where no model is named.

        One setting a key, but of what is required each that asks for something, for those add up.
        """
        settings = {key: [Setting(key, value, None)] for key, value in _DEFAULTS.items()}
        for setting in self.settings():
            if matches(setting.match, model.text) if model else setting.match == "**":
                before = settings.get(setting.key, []) if setting.key.startswith(_ADDING) else []
                settings[setting.key] = [*before, setting]
        return settings

    def settings(self) -> Iterator[Setting]:
        """Every value that the file sets, in its order. A rule's or stage's own key stands behind a dot."""
        for at, section in self._sections():
            for key in ("cellar", "dialect", "coordination", "max_push") if not at else ():
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
        settings = {key: [each.value for each in found] for key, found in self.settings_of(model).items()}
        said = {key: values[-1] for key, values in settings.items()}
        return ModelRules(
            said["scheme"],
            _read_stages(said["stages"]),
            said["dialect"],
            said["coordination"],
            tuple(said.get("names", ())),
            tuple(said.get("protected", ())),
            _join(settings.get("required", ())),
            {key.partition(".")[2]: _join(lists) for key, lists in settings.items() if key.startswith("required_for.")},
            said["contract"] == "required",
            said["environment"] == "locked",
            _read_files(settings.get("files", ())),
            said.get("max_size"),
            {key.partition(".")[2]: value for key, value in said.items() if key.startswith("rules.")},
            self.exceptions,
            said["signed"] == "required",
            said["chained"] == "required",
            self.freezes,
            self.people,
            said.get("cellar"),
            _read_quorum(self.content.policy_changes),
            said["max_push"],
            self.blob,
            casting=said["casting"],
        )

    def _sections(self) -> Iterator[tuple[Path, ModelSection]]:
        yield (), self.content
        for number, section in enumerate(self.content.models):
            yield ("models", number), section

    def _line(self, path: Path) -> int:
        return self.document.lines.get(path, 1)


def parse_policy(content: bytes, file: str = FILE, *, signers: bytes = b"") -> Policy:
    """Read a policy, and the people of `.gitcellar/allowed_signers`. Raise DocumentError with every fault.

    An empty file is the default policy.
    """
    document = parse_document(content, file)
    if len(document.lines) > MAX_VALUES:
        raise DocumentError([document.fault((), f"a policy has at most {MAX_VALUES} values")])
    value: Any = {} if document.value is None else document.value
    section, faults = validate(PolicySection, document, value)
    listed, wrong = parse_signers(signers)
    faults += [Fault(SIGNERS_FILE, line, (), message) for line, message in wrong]
    if section is None or faults:
        raise DocumentError(faults)
    people = merge_people({name: _read_person(person) for name, person in section.people.items()}, listed)
    policy = Policy(section, document, people)
    faults = [document.fault(("people", name), message) for name, message in find_shared_keys(people)]
    faults += [*_find_unasked(policy), *_find_short(policy), *_find_loose(policy)]
    if faults:
        raise DocumentError(faults)
    return policy


def _find_unasked(policy: Policy) -> Iterator[Fault]:
    """Sections that ask for people where the policy knows none."""
    if policy.people:
        return
    message = "it asks who signed, and nobody signs: name them in 'people:' or in .gitcellar/allowed_signers"
    for setting in policy.settings():
        stages = _read_stages(setting.value) if setting.key == "stages" else {}
        asks = any(stage.asks_who for stage in stages.values())
        if asks or (setting.key, setting.value) == ("signed", "required"):
            yield Fault(policy.document.file, setting.line or 1, (setting.key,), message)
    if policy.content.policy_changes is not None:
        yield policy.document.fault(("policy_changes",), message)


def _find_short(policy: Policy) -> Iterator[Fault]:
    """Approvals that nobody could ever give."""
    for setting in policy.settings():
        stages = _read_stages(setting.value) if setting.key == "stages" else {}
        for name, stage in stages.items():
            wanted = stage.approvals
            for role, count in wanted.roles.items() if wanted and policy.people else ():
                able = sum(role in person.roles for person in policy.people.persons.values())
                if able < count:
                    message = f"{name} asks for {count} of the role {role}, and {able} of the people have it"
                    yield Fault(policy.document.file, setting.line or 1, ("stages", name), message)


def _find_loose(policy: Policy) -> Iterator[Fault]:
    """A chain that is asked for where there are no tips to end it."""
    for setting in policy.settings() if not policy.content.coordination else ():
        if (setting.key, setting.value) == ("chained", "required"):
            message = "a chain ends at its model's tip, and with 'coordination: off' there are no tips"
            yield Fault(policy.document.file, setting.line or 1, (setting.key,), message)


def _read_person(section: PersonSection | None) -> Person:
    keys = [k if isinstance(k, KeySection) else KeySection(key=k) for k in section.keys] if section else []
    read = (read_key(k.key, k.since, k.until, revoked=k.revoked) for k in keys)
    return Person(frozenset(section.roles if section else ()), tuple(read))


def _read_stages(said: list[str] | Mapping[str, Any]) -> dict[str, StageRules]:
    """The stages in their order. A plain list says nothing of where each is entered from."""
    if not isinstance(said, Mapping):
        return {name: StageRules() for name in said}
    return {name: _read_stage(section or {}) for name, section in said.items()}


def _read_stage(said: Mapping[str, Any]) -> StageRules:
    opened, back = said.get("break_glass"), said.get("return")
    return StageRules(
        _as_tuple(said.get("from")),
        tuple(map(_read_gate, said.get("gates", ()))),
        tuple(said.get("by") or ()),
        None if said.get("approvals") is None else _read_said_approvals(said["approvals"]),
        None if opened is None else BreakGlass(tuple(opened["by"]), find_duration(opened.get("for", "24h")) or 0),
        None if back is None else ComingBack(tuple(back["by"]), find_duration(back["within"]) or 0),
        said.get("withdrawn") == "remove",
    )


def _read_quorum(section: QuorumSection | None) -> Approvals | None:
    return None if section is None else Approvals(section.count, section.roles, ())


def _read_said_approvals(said: Mapping[str, Any]) -> Approvals:
    return Approvals(said.get("count", 1), said.get("roles", {}), tuple(said.get("not", ("author",))))


def _read_gate(said: Mapping[str, Any]) -> Gate:
    if said.get("claim") is not None:
        return Evaluated(said["claim"], tuple(said.get("by") or ()))
    if said.get("age_at_least") is not None:
        written, _, stage = said["age_at_least"].partition(" in ")
        return Aged(stage, find_duration(written) or 0, written)
    if said.get("scan") is not None:
        return Scanned()
    if said.get("command") is not None:
        return Commanded(tuple(said["command"]))
    if said.get("improves_on") is None:
        return Limit(said["metric"], said.get("at_least"), said.get("at_most"))
    by = said.get("by")
    return Improvement(said["metric"], said["improves_on"], str(by or 0), said.get("higher_is_better", True))


def _read_files(said: Sequence[Mapping[str, Any]]) -> FileRules | None:
    """Every glob that any section requires, and the optional ones of the last that names some."""
    optional = [files["optional"] for files in said if files.get("optional") is not None]
    required = _join(files.get("required", ()) for files in said)
    return FileRules(required, _as_tuple(optional[-1] if optional else None)) if said else None


def _join(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The words of all lists, each once, in their order."""
    return tuple(dict.fromkeys(word for words in lists for word in words))


def _as_tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
