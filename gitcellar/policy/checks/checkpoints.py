"""Family D: are the weights where the tag says, and the ones that it says?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable

from gitcellar.policy.change import Act
from gitcellar.policy.rules import Check, Rule, Violation

D001 = Rule(
    "D001",
    "a version's checkpoint is on the DVC remote before its tag is pushed",
    """A version that is registered and whose weights are on one person's machine is a promise that nobody else can
keep. The pre-push hook asks the DVC remote for every object of the checkpoint.

What to do: gitcellar push MODEL brings checkpoints first; or dvc push, then git push again.""",
)
D002 = Rule(
    "D002",
    "the digest in the tag is that of the checkpoint",
    """A registration records the sha256 and the size of its checkpoint, and every download is held against them. A tag
whose record is not what DVC tracks at its commit can never be downloaded.

What to do: let gitcellar register the version, which weighs the checkpoint itself.""",
)


def check_arrived(act: Act) -> Iterable[Violation]:
    for proposed, _ in act.registrations if act.lost else ():
        more = f" and {len(act.lost) - 1} more" if len(act.lost) > 1 else ""
        message = f"the DVC remote has not {act.lost[0]}{more}"
        yield D001.violation(act.tag_of(proposed), message, hint=f"gitcellar push {act.model}, or dvc push")


def check_digest(act: Act) -> Iterable[Violation]:
    recorded, measured = act.checkpoint, act.measured
    tracked = act.declared.tracked.size if act.declared else None
    for proposed, _ in act.registrations if recorded is not None else ():
        tag, hint = act.tag_of(proposed), f"gitcellar register {act.model}"
        if measured is not None and measured != recorded:
            yield D002.violation(tag, f"the tag records {recorded}, and the checkpoint is {measured}", hint=hint)
        elif tracked is not None and recorded is not None and tracked != recorded.size:
            message = f"the tag records {recorded.size} bytes, and DVC tracks {tracked}"
            yield D002.violation(tag, message, hint=hint)


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(D001, check_arrived),
    Check(D002, check_digest),
)
