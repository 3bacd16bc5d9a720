"""Family V: may this version be registered, after those that are there?"""

from collections.abc import Callable, Iterable, Iterator

from gitcellar.core.events import Registered
from gitcellar.core.versions import Version
from gitcellar.policy.change import Change, ProposedTag
from gitcellar.policy.rules import Rule, Violation
from gitcellar.policy.schemes import scheme_of

V001 = Rule(
    "V001",
    "a version has the shape of its kind",
    """By the scheme `cellar`, a base model (RACK/base) has versions X.Y, and a project model (RACK/PROJECT) has
X.Y.Z, where X.Y is the version of the base that it was tuned from and Z counts from 1. A model outside a rack
has no such versions. By the scheme `semver` every version is X.Y.Z.

What to do: leave the version out, and gitcellar takes the next one; or choose a scheme for the model
in gitcellar.yaml.""",
)
V002 = Rule(
    "V002",
    "a version is registered once",
    """A registered version never changes: what was deployed as 1.2.3 yesterday is 1.2.3 tomorrow. This holds for
a version that was withdrawn too, and for its spelling: 1.2 and 1.2.0 are one version.

What to do: register the next version.""",
)
V003 = Rule(
    "V003",
    "versions follow one another without gaps",
    """A gap would leave everybody asking what became of the missing one. A base model begins with 0.1, 0.0 or 1.0;
then Y counts within X, and (X+1).0 opens a new X. Older lines may go on: 1.3 may follow 2.0. A project model's
Z counts within X.Y. A prerelease comes before its final version, and prereleases rise.

What to do: register the version that comes first, or leave the version out.""",
)
V004 = Rule(
    "V004",
    "a project model comes from a registered base",
    """The X.Y of a project model is a version of RACK/base that is registered and was not withdrawn.

What to do: register the base first, or tune the model from a base version that is registered.""",
)
V005 = Rule(
    "V005",
    "a model has one version at a commit",
    """A stage tag points at a commit, so two versions of one model at a commit could not be told apart.
A release candidate and its final version may share one, for they are the same model: the final one counts.

What to do: commit what makes the new version different, then register it there.""",
)


def check_shape(change: Change) -> Iterable[Violation]:
    for proposed, version in _registrations(change):
        fault = scheme_of(change.rules.scheme).find_shape_fault(change.model, version)
        if fault and change.model.kind == "model" and change.rules.scheme == "cellar":
            hint = f"name it RACK/PROJECT, or in gitcellar.yaml: models: [{{match: {change.model}, scheme: semver}}]"
            yield V001.violation(change.tag_of(proposed), fault, hint=hint)
        elif fault:
            yield V001.violation(
                change.tag_of(proposed), fault, hint=f"let gitcellar count: gitcellar register {change.model}"
            )


def check_duplicate(change: Change) -> Iterable[Violation]:
    for proposed, version in _registrations(change):
        known = change.state.registrations.get(version)
        if known is not None:
            was = " and was withdrawn since" if version in change.state.withdrawn else ""
            yield V002.violation(
                change.tag_of(proposed),
                f"{version} is already registered at {(known.commit or '')[:7]}{was}",
                hint=f"let gitcellar count: gitcellar register {change.model}",
            )


def check_sequence(change: Change) -> Iterable[Violation]:
    registered = change.state.registrations
    scheme = scheme_of(change.rules.scheme)
    for proposed, version in _registrations(change):
        if version in registered or scheme.find_shape_fault(change.model, version):
            continue
        later = _find_later(version, registered)
        fault = scheme.find_sequence_fault(change.model, version, registered)
        if later is not None:
            fault = f"{later} is registered already, and {version} is before it"
        if fault is not None:
            hint = f"let gitcellar count: gitcellar register {change.model}"
            yield V003.violation(change.tag_of(proposed), fault, hint=hint)


def check_base(change: Change) -> Iterable[Violation]:
    if change.rules.scheme != "cellar" or change.model.kind != "project":
        return
    name = change.model.base
    for proposed, version in _registrations(change):
        wanted = Version(version.triple[:2])
        hint = f"register it first: gitcellar register {name} --version {wanted}"
        if change.base is None or wanted not in change.base.registrations:
            yield V004.violation(change.tag_of(proposed), f"its base {name}@{wanted} is not registered", hint=hint)
        elif wanted in change.base.withdrawn:
            hint = f"tune it anew from a version that stands: gitcellar show {name}"
            yield V004.violation(change.tag_of(proposed), f"its base {name}@{wanted} was withdrawn", hint=hint)


def check_commit(change: Change) -> Iterable[Violation]:
    for proposed, version in _registrations(change):
        other = change.state.at_commit.get(proposed.target)
        if other is None or other == version:
            continue
        if other.prerelease and not version.prerelease and other.final == version:
            continue
        yield V005.violation(
            change.tag_of(proposed),
            f"{other} is registered at {proposed.target[:7]} already",
            hint="commit the new checkpoint and its entry, then register there",
        )


CHECKS: tuple[tuple[Rule, Callable[[Change], Iterable[Violation]]], ...] = (
    (V001, check_shape),
    (V002, check_duplicate),
    (V003, check_sequence),
    (V004, check_base),
    (V005, check_commit),
)


def _registrations(change: Change) -> Iterator[tuple[ProposedTag, Version]]:
    for proposed in change.tags:
        if isinstance(proposed.fact, Registered):
            yield proposed, proposed.fact.version


def _find_later(version: Version, registered: Iterable[Version]) -> Version | None:
    """A registered version of the same numbers that a prerelease would have to come before."""
    if not version.prerelease:
        return None
    return max((known for known in registered if known.final == version.final and known > version), default=None)
