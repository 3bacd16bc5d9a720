"""Family V: may this version be registered, after those that are there? And does its tag say so rightly?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable

from gitcellar.core.events import Claimed, Withdrawn
from gitcellar.core.tags import tip_ref
from gitcellar.core.versions import Version, VersionOrder
from gitcellar.policy.change import Act, ProposedRef
from gitcellar.policy.rules import Check, Rule, Violation
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
V006 = Rule(
    "V006",
    "a registry tag is an annotated tag, as git writes it",
    """A lightweight tag has no author, no date and no message: nobody could say who registered what, or when.

What to do: delete it (git tag -d NAME) and let gitcellar write it, or use git tag -a.""",
)
V007 = Rule(
    "V007",
    "a tag's object has the name of its ref",
    """A tag object says its own name. One that was made under another name and pushed under this one would carry the
other's signature and message: an approval of 1.2 replayed as one of 1.3.

What to do: make the tag anew under the name that it shall have.""",
)
V008 = Rule(
    "V008",
    "a registry tag points at a commit, and a claim at the version's tag",
    """A version is what a commit holds, so a tag of a tree, of a file or of another tag registers nothing, and breaks
GTO for the whole repository. A claim alone points at the tag object of the version that it is about.

What to do: tag the commit.""",
)
V009 = Rule(
    "V009",
    "registry tags are never moved and never deleted",
    """What was deployed as 1.2.3 yesterday must be 1.2.3 tomorrow. A tag that moves does so unnoticed: git fetch
keeps quiet about it. Undoing something is another tag.

What to do: gitcellar withdraw a version, gitcellar unassign a stage, or register the next version.""",
)
V010 = Rule(
    "V010",
    "a version's commit is on a protected branch",
    """Where gitcellar.yaml names `protected:` branches, what is registered has been through their review: one of them
contains the commit.

What to do: merge the commit first, then register it.""",
)
V011 = Rule(
    "V011",
    "a model's tip only goes forward along its chain",
    """Below refs/gitcellar/ each model has one ref, MODEL@tip, that names its newest event; the chain of `Previous:`
leads back from there. A tip that goes elsewhere, or is deleted, would hide events from every later reader.

What to do: let gitcellar push (gitcellar push MODEL); it moves the tip with the tags.""",
)
V012 = Rule(
    "V012",
    "only a registered version is withdrawn or claimed about",
    """A withdrawal or a claim of a version that nobody registered would take effect on whatever is registered under
that number later.

What to do: register the version first, or name the one that is meant.""",
)


def check_shape(act: Act) -> Iterable[Violation]:
    for proposed, version in act.registrations:
        fault = scheme_of(act.rules.scheme).find_shape_fault(act.model, version)
        if fault and act.model.kind == "model" and act.rules.scheme == "cellar":
            hint = f"name it RACK/PROJECT, or in gitcellar.yaml: models: [{{match: {act.model}, scheme: semver}}]"
            yield V001.violation(act.tag_of(proposed), fault, hint=hint)
        elif fault:
            yield V001.violation(
                act.tag_of(proposed), fault, hint=f"let gitcellar count: gitcellar register {act.model}"
            )


def check_duplicate(act: Act) -> Iterable[Violation]:
    for proposed, version in act.registrations:
        known = act.state.registrations.get(version)
        if known is not None:
            was = " and was withdrawn since" if version in act.state.withdrawn else ""
            yield V002.violation(
                act.tag_of(proposed),
                f"{version} is already registered at {(known.commit or '')[:7]}{was}",
                hint=f"let gitcellar count: gitcellar register {act.model}",
            )


def check_sequence(act: Act) -> Iterable[Violation]:
    registered = act.state.order
    scheme = scheme_of(act.rules.scheme)
    for proposed, version in act.registrations:
        if version in registered or scheme.find_shape_fault(act.model, version):
            continue
        later = _find_later(version, registered)
        fault = scheme.find_sequence_fault(act.model, version, registered)
        if later is not None:
            fault = f"{later} is registered already, and {version} is before it"
        if fault is not None:
            hint = f"let gitcellar count: gitcellar register {act.model}"
            yield V003.violation(act.tag_of(proposed), fault, hint=hint)


def check_base(act: Act) -> Iterable[Violation]:
    if act.rules.scheme != "cellar" or act.model.kind != "project":
        return
    name = act.model.base
    for proposed, version in act.registrations:
        wanted = Version(version.triple[:2])
        hint = f"register it first: gitcellar register {name} --version {wanted}"
        if act.base is None or wanted not in act.base.registrations:
            yield V004.violation(act.tag_of(proposed), f"its base {name}@{wanted} is not registered", hint=hint)
        elif wanted in act.base.withdrawn:
            hint = f"tune it anew from a version that stands: gitcellar show {name}"
            yield V004.violation(act.tag_of(proposed), f"its base {name}@{wanted} was withdrawn", hint=hint)


def check_commit(act: Act) -> Iterable[Violation]:
    for proposed, version in act.registrations:
        other = act.state.at_commit.get(proposed.target)
        if other is None or other == version:
            continue
        if other.prerelease and not version.prerelease and other.final == version:
            continue
        was, hint = "", "commit the new checkpoint and its entry, then register there"
        if other in act.state.withdrawn:
            was = ", and was withdrawn"
            hint = f"git commit --allow-empty -m 'Register {act.model} again' && gitcellar register {act.model}"
        yield V005.violation(
            act.tag_of(proposed), f"{other} is registered at {proposed.target[:7]} already{was}", hint=hint
        )


def check_object(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        written = proposed.written
        if written is not None and written.kind != "tag":
            what = "its tag object is not as git writes it" if written.kind == "malformed" else "a lightweight tag"
            yield V006.violation(written.name, what, hint=f"git tag -d '{written.name}', and let gitcellar write it")


def check_field(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        written = proposed.written
        if written is not None and written.field is not None and written.field != written.name:
            yield V007.violation(written.name, f"its tag object says {written.field!r}", hint="make the tag anew")


def check_target(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        written = proposed.written
        wanted = "tag" if isinstance(proposed.fact, Claimed) else "commit"
        if written is not None and written.kind == "tag" and written.target_kind != wanted:
            message = f"it points at a {written.target_kind or 'missing object'}, not at a {wanted}"
            yield V008.violation(written.name, message, hint="tag the commit")


def check_reachable(act: Act) -> Iterable[Violation]:
    if not act.unreachable:
        return
    branches = ", ".join(act.rules.protected)
    for proposed, _ in act.registrations:
        message = f"{proposed.target[:7]} is on no protected branch ({branches})"
        yield V010.violation(act.tag_of(proposed), message, hint="merge it first, then register")


def check_known(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        fact = proposed.fact
        if isinstance(fact, Withdrawn | Claimed) and fact.version not in act.state.registrations:
            yield V012.violation(
                act.tag_of(proposed), f"{fact.version} is not registered", hint=f"gitcellar show {act.model}"
            )


def check_kept(ref: ProposedRef) -> Iterable[Violation]:
    if ref.model is None or ref.old is None or ref.old == ref.new or not ref.ref.startswith("refs/tags/"):
        return
    name = ref.ref.removeprefix("refs/tags/")
    if ref.new is None:
        yield V009.violation(name, "a registry tag is never deleted", hint="undo it with another event: see the rule")
    else:
        message = f"it is {ref.old[:7]} already and would become {ref.new[:7]}"
        yield V009.violation(name, message, hint="a registry tag is never moved: register the next version")


def check_tip(ref: ProposedRef) -> Iterable[Violation]:
    if not ref.ref.startswith("refs/gitcellar/"):
        return
    hint = "let gitcellar move it: gitcellar push"
    if ref.model is None or ref.ref != tip_ref(ref.model):
        yield V011.violation(ref.ref, "only tips of models, MODEL@tip, live below refs/gitcellar/", hint=hint)
    elif ref.new is None:
        yield V011.violation(ref.ref, "a tip is never deleted", hint=hint)
    elif ref.step is None or ref.step.named is None:
        yield V011.violation(ref.ref, f"it would name no event of {ref.model}", hint=hint)
    elif not ref.step.known:
        yield V011.violation(ref.ref, f"it would name {ref.step.named}, and that tag is another object", hint=hint)
    elif not ref.step.follows:
        yield V011.violation(ref.ref, f"the chain of {ref.step.named} does not lead back to it", hint=hint)


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(V001, check_shape),
    Check(V002, check_duplicate),
    Check(V003, check_sequence),
    Check(V004, check_base),
    Check(V005, check_commit),
    Check(V006, check_object),
    Check(V007, check_field),
    Check(V008, check_target),
    Check(V010, check_reachable),
    Check(V012, check_known),
)
REF_CHECKS: tuple[Check[ProposedRef], ...] = (
    Check(V009, check_kept),
    Check(V011, check_tip),
)


def _find_later(version: Version, registered: VersionOrder) -> Version | None:
    """A registered version of the same numbers that a prerelease would have to come before."""
    newest = registered.find_newest(version.triple)
    return newest if version.prerelease and newest is not None and newest > version else None
