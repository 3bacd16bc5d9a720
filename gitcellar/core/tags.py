"""Which tag states which fact? The wire format: reads gitcellar's and GTO's tag names, writes either dialect.

A liberal reader and a strict writer; a name that states nothing is ignored. May import names, versions and events.
"""

import re
from dataclasses import dataclass
from typing import Literal

from gitcellar.core.errors import InvalidError
from gitcellar.core.events import Assigned, Claimed, Deprecated, Event, Fact, Registered, Unassigned, Withdrawn
from gitcellar.core.names import ModelName, find_model_name, is_stage_name
from gitcellar.core.versions import Version, find_version

Dialect = Literal["cellar", "gto"]

APPROVALS = "gitcellar/policy/"  # where signed tags approve a change of the policy
_TAGS = "refs/tags/"
_APPROVAL = re.compile(f"{APPROVALS}[0-9a-f]{{16}}/[0-9a-f]{{12}}")
# Neither sign may stand in a model's name, so the first of them ends it.
_TAG = re.compile(r"([^\n@#]+)([@#][^\n]+)")
# A line of a listing, and its peeled line where that follows. Ids are as wide as the first one: SHA-1's or SHA-256's.
_LISTED = r"(?m)^(.{{{width}}}).refs/tags/([^\n@#]+)([@#].+)(?:\n(.{{{width}}}).refs/tags/\2\3\^\{{\}}$)?"
_COUNTER = "[1-9][0-9]{0,8}"
_AT = re.compile(rf"(?P<what>[^=!#]+)(?:(?P<withdrawn>!)|=(?P<claim>[^=!#]+))?(?:#(?P<counter>{_COUNTER}))?")
_STAGED = re.compile(rf"(?P<stage>[^!#]+)(?P<out>!)?(?:#(?P<counter>{_COUNTER}))?")


@dataclass(frozen=True, slots=True)
class TagName:
    """What a tag's name states: a fact about a model."""

    model: ModelName
    fact: Fact


def find_tag_name(tag: str) -> TagName | None:
    """What `tag`, without `refs/tags/`, states; None where it is nobody's business."""
    match = _TAG.fullmatch(tag)
    model = find_model_name(match[1]) if match else None
    if match is None or model is None:
        return None
    fact = (_FACTS_OF_BASE if model.kind == "base" else _FACTS)[match[2]]
    return None if fact is None else TagName(model, fact)


def format_tag(model: ModelName, fact: Fact, *, dialect: Dialect = "cellar") -> str:
    """The name of the tag that states `fact`.

    The gto dialect spells every version `vX.Y.Z` and knows no name with a dot (raises InvalidError).
    """
    if dialect == "gto" and "." in model.text.rpartition(":")[2]:
        raise InvalidError(
            f"{model}: GTO reads no model name with a dot", hint="rename the model, or use the cellar dialect"
        )
    name = model.in_tag
    match fact:
        case Registered(version, 0):
            return f"{name}@{_spell(version, dialect)}"
        case Registered(version, counter):
            return f"{name}@{_spell(version, dialect)}#{counter}"
        case Withdrawn(version, counter):
            return f"{name}@{_spell(version, dialect)}!#{counter}"
        case Assigned(stage, counter):
            return f"{name}#{stage}#{counter}"
        case Unassigned(stage, counter):
            return f"{name}#{stage}!#{counter}"
        case Deprecated(counter):
            return f"{name}@deprecated#{counter}"
        case Claimed(version, claim, counter):
            return f"{name}@{_spell(version, dialect)}={claim}#{counter}"


def parse_listing(listing: str) -> dict[ModelName, list[Event]]:
    """Group the registry's tags by model from what `git show-ref -d` or `git ls-remote` prints.

    A line is an object id, a space or tab, and a ref; a peeled line, whose ref ends with `^{}`, follows its tag's.
    Lines that state nothing are passed over. The order within a model is the listing's.
    """
    models: dict[ModelName, list[Event]] = {}
    current = ""
    take = None
    lines = re.compile(_LISTED.format(width=max(0, listing.find("refs/") - 1)))
    # One pass of a compiled pattern: this loop is what reading a large cellar costs (docs/performance.md).
    for object_id, name, suffix, commit in lines.findall(listing):
        if name != current:
            current = name
            model = find_model_name(name)
            take = None if model is None else models.setdefault(model, []).append
            facts = _FACTS_OF_BASE if model is not None and model.kind == "base" else _FACTS
        if take is None:
            continue
        fact = facts[suffix]
        if fact is not None:
            take(Event(fact, name + suffix, object_id, commit or None))
    return {model: events for model, events in models.items() if events}


def model_patterns(model: ModelName) -> tuple[str, str]:
    """Globs that match the refs of every tag of `model`, and of no other model's."""
    return f"{_TAGS}{model.in_tag}@*", f"{_TAGS}{model.in_tag}#*"


def blocks_approvals(tag: str) -> bool:
    """Whether approvals of a policy cannot exist beside `tag`, without `refs/tags/`, in every clone.

    macOS and Windows hold refs in folders that ignore case, so case is ignored here too.

    >>> [blocks_approvals(tag) for tag in ("gitcellar", "gitcellar/policy", "GitCellar/policy/x", "gitcellar/notes")]
    [True, True, True, False]
    """
    folded = tag.casefold()
    inside = folded.startswith(APPROVALS) and _APPROVAL.fullmatch(tag) is None
    return inside or APPROVALS.startswith(f"{folded}/")


def tip_ref(model: ModelName) -> str:
    """The ref that names the newest event of `model`. `@tip` keeps `vit-l` and `vit-l/base` from colliding."""
    return f"refs/gitcellar/{model.in_tag}@tip"


def _find_fact(text: str, of_base: bool) -> Fact | None:
    if text[0] == "#":
        return _find_staged(text[1:])
    match = _AT.fullmatch(text[1:])
    if match is None:
        return None
    counter = int(match["counter"] or 0)
    if match["what"] == "deprecated":
        return None if match["withdrawn"] or match["claim"] else Deprecated(counter)
    version = _find_spelled(match["what"], of_base)
    if version is None:
        return None
    if match["claim"]:
        return Claimed(version, match["claim"], counter) if counter and is_stage_name(match["claim"]) else None
    return Withdrawn(version, counter) if match["withdrawn"] else Registered(version, counter)


def _find_staged(text: str) -> Fact | None:
    match = _STAGED.fullmatch(text)
    if match is None or not is_stage_name(match["stage"]):
        return None
    counter = int(match["counter"] or 0)
    return Unassigned(match["stage"], counter) if match["out"] else Assigned(match["stage"], counter)


def _find_spelled(text: str, of_base: bool) -> Version | None:
    version = find_version(text.removeprefix("v"))
    # GTO knows only three numbers, so its dialect writes a base model's 1.2 as v1.2.0.
    if version and of_base and text[0] == "v" and len(version.numbers) == 3 and version.numbers[2] == 0:
        return Version(version.numbers[:2], version.prerelease, version.build)
    return version


def _spell(version: Version, dialect: Dialect) -> str:
    if dialect == "cellar":
        return str(version)
    return f"v{Version(version.triple, version.prerelease, version.build)}"


class _Facts(dict[str, Fact | None]):
    """The fact of each suffix that was met: a cellar of 100,000 tags has few different ones."""

    def __init__(self, *, of_base: bool) -> None:
        super().__init__()
        self.of_base = of_base

    def __missing__(self, suffix: str) -> Fact | None:
        self[suffix] = fact = _find_fact(suffix, self.of_base)
        return fact


_FACTS = _Facts(of_base=False)
_FACTS_OF_BASE = _Facts(of_base=True)
