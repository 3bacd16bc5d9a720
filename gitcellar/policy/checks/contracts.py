"""Family C: does the number promise what the contract keeps?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable

from gitcellar.core.contract import find_breaks
from gitcellar.core.dtypes import KNOWN
from gitcellar.core.errors import did_you_mean
from gitcellar.policy.change import Act, Declaration
from gitcellar.policy.rules import Check, Rule, Violation

C001 = Rule(
    "C001",
    "under the same X an application goes on working",
    """X is a promise: an application that works with 1.2 works with 1.3. So a version whose contract breaks that of
the version before it under the same X is refused, field by field. X = 0 is early development, where anything may
break. `gitcellar contract diff REF REF` shows what differs, and docs/policy.md which differences break. Another
dtype of an input breaks, for ONNX Runtime and Triton refuse it; where the server casts, `casting: lossless` in
gitcellar.yaml lets those casts pass that change no value, such as int32 to float64.

What to do: for a base model gitcellar register RACK/base --bump major; for a project model tune it from a base
of a new X; or give the field back.""",
)
C002 = Rule(
    "C002",
    "X rises only where something breaks",
    """A new X tells every application to change. Where the contract breaks nothing, they would change for nothing.

What to do: register the next Y instead, or say in the message why applications must change all the same.""",
    severity="warning",
)
C003 = Rule(
    "C003",
    "from X = 1 on a version says what applications may rely on",
    """Where gitcellar.yaml has `contract: required`, an entry has a contract once its X is 1 or more: without one
nobody can tell whether the next version breaks it.

What to do: write `contract:` in the manifest entry, with inputs and outputs.""",
)
C004 = Rule(
    "C004",
    "a contract names dtypes and columns that are known",
    """A misspelled dtype, such as int33, is promised to applications until the next X. Any word may stand there, for a
server may have names of its own; those of NumPy and ONNX (float32, bfloat16, int64, bool, complex64,
string, …) are known. Where some of the `columns:` are inputs by name, the others are as well.

What to do: mend the contract, or say `rules: {C004: off}` in gitcellar.yaml.""",
    severity="warning",
)


def check_promise(act: Act) -> Iterable[Violation]:
    for proposed, version in act.registrations:
        before = act.state.predecessor(version)
        if before is None or before not in act.earlier or version.triple[0] == 0:
            continue
        now = act.declared.contract if act.declared else None
        for broken in find_breaks(act.earlier[before].contract, now, casting=act.rules.casting):
            hint = f"gitcellar register {act.model} --bump major"
            if act.model.kind == "project" and act.rules.scheme == "cellar":
                hint = f"tune it from a {act.model.base} of X = {version.triple[0] + 1}, or keep the field as it was"
            yield C001.violation(act.tag_of(proposed), f"breaks {before}: {broken}", hint=hint)


def check_raised(act: Act) -> Iterable[Violation]:
    for proposed, version in act.registrations:
        x = version.triple[0]
        before = act.state.newest_of((x - 1,))
        if x < 2 or act.model.kind == "project" or before is None or act.state.predecessor(version) is not None:
            continue
        if before not in act.earlier:
            continue
        old, new = act.earlier[before].contract, act.declared.contract if act.declared else None
        if old is not None and not find_breaks(old, new, casting=act.rules.casting):
            yield C002.violation(
                act.tag_of(proposed),
                f"its contract breaks nothing of {before}",
                hint=f"gitcellar contract diff {act.model}@{before} {act.tag_of(proposed)}",
            )


def check_present(act: Act) -> Iterable[Violation]:
    if not act.rules.contract_required or act.entry is None or act.entry.contract is not None:
        return
    for proposed, version in act.registrations:
        if version.triple[0] >= 1:
            yield C003.violation(
                act.tag_of(proposed),
                "its manifest entry has no contract",
                hint="write 'contract:' in the entry, with inputs and outputs",
            )


def check_words(declared: Declaration) -> Iterable[Violation]:
    contract = declared.contract
    if contract is None:
        return
    for kind, tensors in (("inputs", contract.inputs), ("outputs", contract.outputs)):
        for name, tensor in tensors.items():
            if tensor.dtype not in KNOWN:
                message = f"contract.{kind}.{name}.dtype: {tensor.dtype!r} is no known dtype"
                yield _at(declared, message, hint=did_you_mean(tensor.dtype, KNOWN))
    strange = [column for column in contract.columns if column not in contract.inputs]
    # Without one that is, the table is a single input, and its columns are no inputs.
    for column in strange if len(strange) < len(contract.columns) else ():
        message = f"contract.columns: {column!r} is none of the inputs"
        yield _at(declared, message, hint=did_you_mean(column, contract.inputs))


def _at(declared: Declaration, message: str, *, hint: str | None) -> Violation:
    return C004.violation(declared.model.text, message, hint=hint, file=declared.file, line=declared.line)


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(C001, check_promise),
    Check(C002, check_raised),
    Check(C003, check_present),
)
DECLARATION_CHECKS: tuple[Check[Declaration], ...] = (Check(C004, check_words),)
