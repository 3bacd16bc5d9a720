"""Family L: does a version come from where its number says?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable

from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, parse_reference
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, Declaration
from gitcellar.policy.rules import Check, Rule, Violation

L001 = Rule(
    "L001",
    "a project model's manifest names the base that its version names",
    """`vit-l/projectA@1.2.3` says: tuned from vit-l/base@1.2. The entry's `base:` at the registered commit says
the same, so that nobody's number and nobody's file are at odds.

What to do: gitcellar add MODEL PATH --base vit-l/base@1.2, commit, and register there.""",
)
L002 = Rule(
    "L002",
    "a project model is retrained from its base, never topped up",
    """A model tuned from another project's model, or from an earlier version of itself, carries what nobody can
name any more: its number would promise a base that it has left behind.

What to do: train again from the base, and say so in `trained_from:`, or leave the key out.""",
)
L003 = Rule(
    "L003",
    "a new version has new weights",
    """The very same checkpoint under a second version would make applications update for nothing, and approvals
count for weights that were never looked at under that number. The digests that registrations record are compared. A
version that was withdrawn does not count: its checkpoint may be registered again.

What to do: put the version that has this checkpoint where it is wanted: gitcellar assign MODEL@VERSION STAGE.""",
)
L004 = Rule(
    "L004",
    "a deprecated base takes no new projects",
    """Once a rack's base model is deprecated nobody mends it, so a version that is tuned from it now is stale on the
day of its birth.

What to do: tune the model from another rack's base.""",
)


def check_base(act: Act) -> Iterable[Violation]:
    if act.rules.scheme != "cellar" or act.model.kind != "project" or act.entry is None:
        return
    for proposed, version in act.registrations:
        wanted = f"{act.model.base}@{Version(version.triple[:2])}"
        hint = f"gitcellar add {act.model} {act.entry.path} --base {wanted}"
        if act.entry.base is None:
            yield L001.violation(act.tag_of(proposed), "its manifest entry names no base", hint=hint)
        elif _find_reference(act.entry.base) != parse_reference(wanted):
            message = f"its manifest entry names the base {act.entry.base}, and the version {wanted}"
            yield L001.violation(act.tag_of(proposed), message, hint=hint)


def check_top_up(declared: Declaration) -> Iterable[Violation]:
    source = declared.entry.trained_from if declared.entry else None
    if source is None or declared.rules.scheme != "cellar":
        return
    named = _find_named_model(source)
    if named is not None and named.kind == "project":
        model = declared.model
        yield L002.violation(
            model.text,
            f"trained_from names the project model {named}",
            hint=f"train it from {model.base if model.kind == 'project' else 'data'} instead",
            file=declared.file,
            line=declared.line,
        )


def check_same_checkpoint(act: Act) -> Iterable[Violation]:
    for proposed, registered in act.registrations:
        for version, digest in _find_same(act):
            # A release candidate becomes the final version by standing the test unchanged.
            if version.final != registered.final and version not in act.state.withdrawn:
                yield L003.violation(
                    act.tag_of(proposed),
                    f"{version} has the very same checkpoint, {digest}",
                    hint=f"gitcellar assign {act.model}@{version} STAGE",
                )


def check_deprecated(act: Act) -> Iterable[Violation]:
    if act.base is None or not act.base.deprecated or act.rules.scheme != "cellar":
        return
    for proposed, _ in act.registrations:
        hint = "gitcellar show lists the others"
        yield L004.violation(act.tag_of(proposed), f"its base {act.base.name} is deprecated", hint=hint)


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(L001, check_base),
    Check(L003, check_same_checkpoint),
    Check(L004, check_deprecated),
)
DECLARATION_CHECKS: tuple[Check[Declaration], ...] = (Check(L002, check_top_up),)


def _find_same(act: Act) -> Iterable[tuple[Version, str]]:
    """Versions that have this very checkpoint, by the sha256 of their tags or else by what DVC recorded."""
    for version in act.alike:
        yield version, f"sha256:{act.checkpoint.sha256[:12]}…" if act.checkpoint else "by sha256"
    tracked = act.declared.tracked.digest if act.declared else None
    for version, declared in act.earlier.items():
        if tracked and tracked == declared.tracked.digest and version not in act.alike:
            yield version, f"md5:{tracked[:12]}… by DVC"


def _find_reference(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except CellarError:
        return None


def _find_named_model(text: str) -> ModelName | None:
    """The model that `trained_from` names. Free text, such as `imagenet-21k weights`, names none."""
    reference = _find_reference(text)
    if reference is not None:
        return reference.model
    return ModelName(text) if "/" in text and _find_reference(f"{text}@latest") else None
