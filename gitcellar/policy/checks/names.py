"""Family N: may a model have this name, beside those that are there? And does a ref only look like one of its tags?

May import core and the rest of policy but judge and config.
"""

import unicodedata
from collections.abc import Iterable

from gitcellar.core.tags import blocks_approvals, find_tag_name
from gitcellar.policy.change import Act, ProposedRef
from gitcellar.policy.rules import Check, Rule, Violation
from gitcellar.policy.settings import matches

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
N004 = Rule(
    "N004",
    "a model's name follows the cellar's pattern",
    """Where gitcellar.yaml has `names:`, a model's first tag is refused unless one of those globs matches its name,
so that racks and projects are named alike by everybody.

What to do: name the model as the pattern says, or add a pattern to `names:`.""",
)
N005 = Rule(
    "N005",
    "a tag that looks like the registry's is one",
    """A tag with @ or # in its name that the registry cannot read would be taken by people for a version or a stage,
and by gitcellar for nothing: a misspelled stage tag deploys nothing and says nothing, and `vit-l/bаse@1.2` with a
Cyrillic letter is no version of vit-l/base. Letters that only look like @ or # count as such.

What to do: let gitcellar write the tag (gitcellar register, gitcellar assign), or name yours without @ and #.""",
)
N006 = Rule(
    "N006",
    "no branch or tag stands in the way of the registry's tags",
    """A branch with a tag's name shadows it: `git checkout vit-l/base@1.2` takes the branch. And while a tag `vit-l`
exists, no tag below `vit-l/` can, and every clone that has one of them fails to fetch the other.

`gitcellar approve --policy` writes tags below `gitcellar/policy/`. A tag `gitcellar` or `gitcellar/policy` would make
every approval of a policy fail, so both are refused, in any case. Below `gitcellar/policy/` only approvals are allowed.

What to do: name the branch or tag otherwise.""",
)
N007 = Rule(
    "N007",
    "refs that only a clone or an administrator writes are not pushed",
    """`refs/remotes/` and `refs/gitcellar-remotes/` are what a clone remembers of a remote, `refs/replace/` shows other
contents under an object's id, and a branch called HEAD overwrites the default branch in every clone that fetches it. On
a server each of them would only mislead who reads there.

What to do: push branches and tags alone: `git push REMOTE BRANCH`, not `git push --mirror`.""",
)

_LOCAL = ("refs/remotes/", "refs/gitcellar-remotes/", "refs/replace/")
_BLOCKS_APPROVALS = "it stands where gitcellar writes approvals of a policy"
_TAGS, _BRANCHES = "refs/tags/", "refs/heads/"
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


def check_case(act: Act) -> Iterable[Violation]:
    parts = act.model.text.split("/")
    for neighbour in act.neighbours:
        for mine, theirs in zip(parts, neighbour.split("/"), strict=False):
            if mine == theirs:
                continue
            if mine.casefold() == theirs.casefold():
                yield N001.violation(
                    act.model.text,
                    f"{mine!r} differs only in case from {theirs!r} of {neighbour}",
                    hint=f"spell it {theirs!r}",
                )
                return
            break


def check_folder(act: Act) -> Iterable[Violation]:
    for tag in act.blocking:
        yield N002.violation(
            act.model.text,
            f"the tag {tag!r} stands where the folder of the model's tags must",
            hint=f"rename it: git tag NEW-NAME {tag} && git tag -d {tag}",
        )


def check_reserved(act: Act) -> Iterable[Violation]:
    if act.state.events:
        return
    for part in act.model.text.replace(":", "/").split("/"):
        if part.casefold().partition(".")[0] in _RESERVED:
            yield N003.violation(act.model.text, f"Windows allows no file named {part!r}", hint="rename that part")


def check_pattern(act: Act) -> Iterable[Violation]:
    if act.state.events or not act.rules.names or any(matches(glob, act.model.text) for glob in act.rules.names):
        return
    patterns = ", ".join(act.rules.names)
    yield N004.violation(
        act.model.text, f"it matches none of the policy's patterns: {patterns}", hint="name it as one of them says"
    )


def check_approvals(act: Act) -> Iterable[Violation]:
    if not act.state.events and any(blocks_approvals(act.tag_of(proposed)) for proposed in act.tags):
        yield N006.violation(act.model.text, _BLOCKS_APPROVALS, hint="name the model otherwise")


def check_look_alike(ref: ProposedRef) -> Iterable[Violation]:
    if ref.new is None or not ref.ref.startswith(_TAGS):
        return
    name = ref.ref.removeprefix(_TAGS)
    if find_tag_name(name) is None and any(sign in unicodedata.normalize("NFKC", name) for sign in "@#"):
        hint = "let gitcellar write it (gitcellar register, gitcellar assign), or name it without @ and #"
        yield N005.violation(name, "it looks like a registry tag and cannot be read as one", hint=hint)


def check_shadow(ref: ProposedRef) -> Iterable[Violation]:
    if ref.new is None:
        return
    branch = ref.ref.removeprefix(_BRANCHES)
    if ref.ref.startswith(_BRANCHES) and find_tag_name(branch) is not None:
        yield N006.violation(branch, "a branch of this name shadows the tag", hint="rename it: git branch -m NAME")
    name = ref.ref.removeprefix(_TAGS)
    if ref.ref.startswith(_TAGS) and blocks_approvals(name):
        yield N006.violation(name, _BLOCKS_APPROVALS, hint="name the tag otherwise")
    if ref.blocks is not None:
        yield N006.violation(name, f"it stands where the folder of {ref.blocks} must", hint="name the tag otherwise")


def check_local(ref: ProposedRef) -> Iterable[Violation]:
    if ref.new is not None and (ref.ref.startswith(_LOCAL) or ref.ref == f"{_BRANCHES}HEAD"):
        message = "such a ref belongs to a clone or to the server, and is not pushed"
        yield N007.violation(ref.ref, message, hint="push branches and tags alone: git push REMOTE BRANCH")


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(N001, check_case),
    Check(N002, check_folder),
    Check(N003, check_reserved),
    Check(N004, check_pattern),
    Check(N006, check_approvals),
)
REF_CHECKS: tuple[Check[ProposedRef], ...] = (
    Check(N005, check_look_alike),
    Check(N006, check_shadow),
    Check(N007, check_local),
)
