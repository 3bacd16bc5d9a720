"""Family V: does what is pushed leave every model with a history that `verify` accepts, and arrive when it says?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable

from gitcellar.core.events import Assigned, Unassigned
from gitcellar.core.state import ARCHIVED
from gitcellar.policy.change import NOT_READ, Act, Arrival, ProposedHistory, ProposedTag, PushSize
from gitcellar.policy.rules import Check, Rule, Violation
from gitcellar.policy.settings import Aged, ModelRules

V013 = Rule(
    "V013",
    "a push leaves a history that verify accepts",
    """Tags are never deleted, so what is taken once stays. A tag whose message contradicts its name, that follows an
event which does not exist or which another one follows already, or that names a base under another object, would make
`gitcellar verify` report a rewritten history for ever, and deployments of the model would stop.

What to do: delete the tag here (git tag -d NAME), gitcellar fetch, and let gitcellar write it again.""",
)
V014 = Rule(
    "V014",
    "an event is dated when it is pushed",
    """A tagger can type any date. A server refuses dates that its own clock has not reached, and dates before the
newest event of the model: the first would end the keys of other people early, the second bring back keys that ended.
Where a gate or a right counts time (age_at_least, return: within), the event that starts the clock arrives within an
hour of its date, or a version could be promoted as if it had waited.

What to do: set the clock of this machine, unset GIT_COMMITTER_DATE, and let gitcellar write the tag again. To bring a
whole history along: rules: {V014: warning} for that day.""",
)
V015 = Rule(
    "V015",
    "a push is small enough to be checked at once",
    """Each registry tag of a push is checked against its model, and a push of very many would keep the server busy.
`max_push:` in gitcellar.yaml says how many tags one push may bring, 10000 unless it says otherwise.

What to do: push fewer tags at a time.""",
)
V016 = Rule(
    "V016",
    "an event that names the one before it comes with its model's tip",
    """gitcellar writes into each tag which event it follows, and moves the model's tip, refs/gitcellar/MODEL@tip, to it
in the same push. Without the tip the next person would write another event after the same one, and the history would
fork.

What to do: gitcellar push MODEL pushes tags and tip together.""",
)

# Clocks of two machines differ, and events that were written within one second are dated one second apart.
TOLERANCE = 3600
# What the tag objects of one push may have in all: their messages are all read.
MOST_BYTES = 64 * 1024 * 1024


def check_history(history: ProposedHistory) -> Iterable[Violation]:
    for found in history.suspicions:
        message = f"{found.message} ({found.code})"
        yield V013.violation(found.tag, message, hint=f"gitcellar fetch {history.model}, then let gitcellar write it")


def check_dated(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        if proposed.written is None or proposed.written.kind != "tag" or act.arrival is None:
            continue
        if act.arrival is NOT_READ:
            raise ValueError(f"nobody read when {proposed.written.name} came")
        fault = _find_date_fault(act.arrival, starts_clock=_starts_clock(proposed, act.rules))
        if fault is not None:
            hint = "set this machine's clock, and let gitcellar write the tag again"
            yield V014.violation(proposed.written.name, fault, hint=hint)


def check_led_to(act: Act) -> Iterable[Violation]:
    for proposed in act.tags if act.rules.coordination else ():
        written = proposed.written
        if written is not None and written.follows is not None and written.chained is False:
            message = f"it follows another event, and the tip of {act.model} does not lead to it"
            yield V016.violation(written.name, message, hint=f"gitcellar push {act.model}")


def check_size(size: PushSize) -> Iterable[Violation]:
    most = size.rules.max_push
    if size.tags > most:
        yield V015.violation("push", f"it has {size.tags} registry tags, and {most} are the most", hint="push fewer")
    if size.size > MOST_BYTES:
        message = f"its tag objects have {size.size} bytes, and {MOST_BYTES} are the most"
        yield V015.violation("push", message, hint="push fewer, with shorter messages")


def starts_clock_of(stage: str, rules: ModelRules) -> bool:
    """Whether a gate or a right counts the time since a version entered or left a stage.

    To archive a version takes it out of whatever holds it.
    """
    if stage == ARCHIVED:
        return any(each.comes_back for each in rules.stages.values())
    own = rules.stages.get(stage)
    gates = [gate for each in rules.stages.values() for gate in each.gates]
    return bool(own and own.comes_back) or any(isinstance(gate, Aged) and gate.stage == stage for gate in gates)


def _starts_clock(proposed: ProposedTag, rules: ModelRules) -> bool:
    fact = proposed.fact
    return isinstance(fact, Assigned | Unassigned) and starts_clock_of(fact.stage, rules)


def _find_date_fault(arrival: Arrival, *, starts_clock: bool) -> str | None:
    if arrival.at < arrival.newest:
        return f"it is dated {_spell(arrival.newest - arrival.at)} before an event of the model that came before it"
    if arrival.received is None:
        return None
    ahead = arrival.at - arrival.received
    if ahead > TOLERANCE:
        return f"it is dated {_spell(ahead)} ahead of this server's clock"
    if starts_clock and -ahead > TOLERANCE:
        return f"it starts a clock, and is dated {_spell(-ahead)} before it arrived"
    return None


def _spell(seconds: int) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(V014, check_dated),
    Check(V016, check_led_to),
)
HISTORY_CHECKS: tuple[Check[ProposedHistory], ...] = (Check(V013, check_history),)
SIZE_CHECKS: tuple[Check[PushSize], ...] = (Check(V015, check_size),)
