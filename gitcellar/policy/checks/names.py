"""Family N: may a model have this name, beside those that are there?"""

from collections.abc import Callable, Iterable

from gitcellar.policy.change import Change
from gitcellar.policy.rules import Rule, Violation

N001 = Rule(
    "N001",
    "names that differ only in case cannot live on every machine",
    """macOS and Windows hold refs in folders that ignore case, so a clone there would take `Vit-L/base` and
`vit-l/base` for one and the same. A model's first tag is refused where any part of its name is spelled
in another case than the same part of a model that is there already.

What to do: use the spelling that the cellar has.""",
)
N002 = Rule(
    "N002",
    "a tag that stands where a model's folder must blocks the model",
    """Git holds a ref either as a file or as a folder: while a tag `vit-l` exists, no tag below `vit-l/` can.
Worse, a clone that has the one fails every later fetch of the other.

What to do: rename the tag in the way (`git tag new-name vit-l`, then delete `vit-l` here and on the remote),
or name the rack otherwise.""",
)
N003 = Rule(
    "N003",
    "Windows reserves some words as names",
    """A clone on Windows cannot hold a ref with a part named con, prn, aux, nul, com1 to com9 or lpt1 to lpt9,
with or without an extension. A model's first tag is refused where a part of its name is such a word.

What to do: name that part otherwise.""",
)

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


def check_case(change: Change) -> Iterable[Violation]:
    parts = change.model.text.split("/")
    for neighbour in change.neighbours:
        for mine, theirs in zip(parts, neighbour.split("/"), strict=False):
            if mine == theirs:
                continue
            if mine.casefold() == theirs.casefold():
                yield N001.violation(
                    change.model.text,
                    f"{mine!r} differs only in case from {theirs!r} of {neighbour}",
                    hint=f"spell it {theirs!r}",
                )
                return
            break


def check_folder(change: Change) -> Iterable[Violation]:
    for tag in change.blocking:
        yield N002.violation(
            change.model.text,
            f"the tag {tag!r} stands where the folder of the model's tags must",
            hint=f"rename it: git tag NEW-NAME {tag} && git tag -d {tag}",
        )


def check_reserved(change: Change) -> Iterable[Violation]:
    if change.state.events:
        return
    for part in change.model.text.replace(":", "/").split("/"):
        if part.casefold().partition(".")[0] in _RESERVED:
            yield N003.violation(change.model.text, f"Windows allows no file named {part!r}", hint="rename that part")


CHECKS: tuple[tuple[Rule, Callable[[Change], Iterable[Violation]]], ...] = (
    (N001, check_case),
    (N002, check_folder),
    (N003, check_reserved),
)
