"""What does a person mean by `vit-l/base@1.2` or `vit-l/projectA#production`? The grammar of REF.

May import names, versions, tags and state.
"""

from dataclasses import dataclass

from gitcellar.core.errors import CellarError, InvalidError, NotFoundError, did_you_mean
from gitcellar.core.events import Registered
from gitcellar.core.names import ModelName, parse_model_name, parse_stage_name
from gitcellar.core.state import ARCHIVED, ModelState, VersionState
from gitcellar.core.tags import find_tag_name
from gitcellar.core.versions import Version, find_line, parse_version

LATEST = "latest"


class NoVersionError(InvalidError):
    """A text that names a model, and none of its versions."""

    def __init__(self, text: str, model: ModelName) -> None:
        super().__init__(f"{text!r} names no version", hint=f"say which: {model}@{LATEST}, @VERSION or #STAGE")
        self.text, self.model = text, model


@dataclass(frozen=True, slots=True)
class Reference:
    """A model, and which of its versions is meant: exactly one of the other fields is set."""

    model: ModelName
    version: Version | None = None
    line: tuple[int, ...] | None = None
    stage: str | None = None
    tag: str | None = None


def parse_reference(text: str) -> Reference:
    """Read `MODEL@VERSION`, `MODEL@latest`, `MODEL@LINE`, `MODEL#STAGE` or a tag's name. Raise InvalidError."""
    name, sign, rest = text.removeprefix("refs/tags/").partition("@")
    if "#" in name:
        name, sign, rest = text.removeprefix("refs/tags/").partition("#")
    model = parse_model_name(name.replace("=", ":"))
    if not rest:
        raise NoVersionError(text, model)
    named = find_tag_name(model.in_tag + sign + rest)
    if named is not None and named.fact.counter:
        return Reference(model, tag=model.in_tag + sign + rest)
    if sign == "#":
        return Reference(model, stage=parse_stage_name(rest))
    if rest == LATEST:
        return Reference(model, line=())
    line = find_line(rest)
    # A base model's 1.2 is a version; a project model's is the line of all versions tuned from base 1.2.
    if line is not None and len(line) < (2 if model.kind == "base" else 3):
        return Reference(model, line=line)
    if named is not None and isinstance(named.fact, Registered):
        return Reference(model, version=named.fact.version)
    return Reference(model, version=parse_version(rest))


def find_referenced(reference: Reference, state: ModelState) -> VersionState:
    """The version of `state` that is meant. Raise NotFoundError, with the nearest names, where there is none."""
    version = _find_version(reference, state)
    held = state.find(version) if version is not None else None
    if held is None:
        raise _missing(reference, state)
    return held


def _find_version(reference: Reference, state: ModelState) -> Version | None:
    if reference.version is not None:
        return reference.version
    if reference.line is not None:
        return state.newest_of(reference.line)
    if reference.stage is not None:
        held = state.stages.get(reference.stage)
        return held.version if held else None
    event = next((event for event in state.events if event.tag == reference.tag), None)
    return state.version_of(event) if event else None


def _missing(reference: Reference, state: ModelState) -> CellarError:
    model = reference.model
    anomaly = next((anomaly for anomaly in reversed(state.anomalies) if anomaly.code == "unregistered"), None)
    if reference.stage == ARCHIVED:
        archived = [str(held.version) for held in state.versions if held.stage == ARCHIVED]
        message = f"archived is a state and no stage: it names no one version of {model}"
        return NotFoundError(message, hint=f"archived: {', '.join(archived)}" if archived else None)
    if reference.stage is not None:
        hint = did_you_mean(reference.stage, state.stages)
        if anomaly and f"#{reference.stage}#" in anomaly.tag:
            hint = f"{anomaly.tag}: {anomaly.message}"
        return NotFoundError(f"no version of {model} is in {reference.stage}", hint=hint or _list_stages(state))
    if reference.tag is not None:
        return NotFoundError(
            f"there is no tag {reference.tag}", hint=did_you_mean(reference.tag, [e.tag for e in state.events])
        )
    versions = [str(version) for version in sorted(state.registrations)]
    if reference.line is not None:
        wanted = ".".join(map(str, reference.line))
        missing = f"{model} has no version {wanted}.* that was not withdrawn" if wanted else f"{model} has no version"
        return NotFoundError(missing, hint=_list_versions(versions))
    hint = did_you_mean(str(reference.version), versions)
    return NotFoundError(f"{model} {reference.version} is not registered", hint=hint or _list_versions(versions))


def _list_versions(versions: list[str]) -> str | None:
    return f"registered: {', '.join(versions[-5:])}" if versions else None


def _list_stages(state: ModelState) -> str | None:
    held = [f"{stage} ({held.version})" for stage, held in sorted(state.stages.items())]
    return f"in use: {', '.join(held)}" if held else f"put one there with: gitcellar assign {state.name} STAGE"
