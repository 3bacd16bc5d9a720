"""Family L: does a version come from where its number says?"""

from collections.abc import Callable, Iterable

from gitcellar.core.errors import CellarError
from gitcellar.core.events import Registered
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, parse_reference
from gitcellar.core.versions import Version
from gitcellar.policy.change import Change
from gitcellar.policy.rules import Rule, Violation

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
count for weights that were never looked at under that number. The digests that registrations record are compared.

What to do: put the version that has this checkpoint where it is wanted: gitcellar assign MODEL@VERSION STAGE.""",
)


def check_base(change: Change) -> Iterable[Violation]:
    if change.rules.scheme != "cellar" or change.model.kind != "project" or change.entry is None:
        return
    for proposed in change.tags:
        if not isinstance(proposed.fact, Registered):
            continue
        wanted = f"{change.model.base}@{Version(proposed.fact.version.triple[:2])}"
        hint = f"gitcellar add {change.model} {change.entry.path} --base {wanted}"
        if change.entry.base is None:
            yield L001.violation(change.tag_of(proposed), "its manifest entry names no base", hint=hint)
        elif _find_reference(change.entry.base) != parse_reference(wanted):
            message = f"its manifest entry names the base {change.entry.base}, and the version {wanted}"
            yield L001.violation(change.tag_of(proposed), message, hint=hint)


def check_top_up(change: Change) -> Iterable[Violation]:
    source = change.entry.trained_from if change.entry else None
    if source is None or change.rules.scheme != "cellar":
        return
    named = _find_named_model(source)
    for proposed in change.tags:
        if isinstance(proposed.fact, Registered) and named is not None and named.kind == "project":
            yield L002.violation(
                change.tag_of(proposed),
                f"trained_from names the project model {named}",
                hint=f"train it from {change.model.base if change.model.kind == 'project' else 'data'} instead",
            )


def check_same_checkpoint(change: Change) -> Iterable[Violation]:
    if change.checkpoint is None:
        return
    for proposed in change.tags:
        if not isinstance(proposed.fact, Registered):
            continue
        for version, checkpoint in change.checkpoints.items():
            # A release candidate becomes the final version by standing the test unchanged.
            if checkpoint.sha256 == change.checkpoint.sha256 and version.final != proposed.fact.version.final:
                yield L003.violation(
                    change.tag_of(proposed),
                    f"{version} has the very same checkpoint, sha256:{checkpoint.sha256[:12]}…",
                    hint=f"gitcellar assign {change.model}@{version} STAGE",
                )


CHECKS: tuple[tuple[Rule, Callable[[Change], Iterable[Violation]]], ...] = (
    (L001, check_base),
    (L002, check_top_up),
    (L003, check_same_checkpoint),
)


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
