"""Family M: does the manifest say what it must, and is what it names there?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitcellar.core.documents import Fault
from gitcellar.core.environments import find_unlocked
from gitcellar.core.events import Assigned
from gitcellar.core.manifest import Entry
from gitcellar.policy.change import Act, Declaration
from gitcellar.policy.rules import Check, Rule, Violation
from gitcellar.policy.settings import matches

M001 = Rule(
    "M001",
    "a version is declared in the manifest of its commit",
    """The commit says what the model is: artifacts.yaml there has an entry under the model's name, with the path of
its checkpoint. A tag without one names a commit and no model.

What to do: gitcellar add MODEL PATH, commit, and register that commit.""",
)
M002 = Rule(
    "M002",
    "manifests and the policy can be read, and their fields have their types",
    """A misspelled key or a number where a text belongs would be metadata that nobody finds. Every fault is told with
its file, line and key. `gitcellar schema artifacts` prints the JSON Schema for editors.

What to do: mend the file where the message says.""",
)
M003 = Rule(
    "M003",
    "an entry has the fields that the policy asks for",
    """`required:` in gitcellar.yaml names fields that every entry has, and `required_for:` those that an entry has
before its version enters a stage: owner, sensitivity, hardware, cost_per_inference, … What a section below `models:`
requires is added to what the top of the file requires; `gitcellar policy MODEL` shows each with its line.

What to do: add the field to the entry, commit, and register that commit as the next version.""",
)
M004 = Rule(
    "M004",
    "what an entry names is there",
    """A path of the entry (checkpoint, data, params, metrics, environment) that the commit does not have, and DVC does
not track there, is a reference into nothing.

What to do: gitcellar add MODEL PATH tracks a checkpoint; git add the files; commit both.""",
)
M005 = Rule(
    "M005",
    "a checkpoint is tracked by DVC, not committed to Git",
    """Git keeps every version of a file in every clone for ever, and takes minutes over gigabytes. DVC keeps the
weights in storage, and Git their digest.

What to do: git rm --cached PATH, then gitcellar add MODEL PATH, and commit.""",
)
M006 = Rule(
    "M006",
    "a checkpoint is no larger than the policy allows",
    """`max_size:` in gitcellar.yaml says how large a checkpoint of these models may be.

What to do: leave optimizer states and duplicates out of it, or raise the limit.""",
)
M007 = Rule(
    "M007",
    "a tracking file is committed with its data at hand",
    """A .dvc file that was changed by hand or by a merge, while neither the work tree nor DVC's cache has the data that
it names, points at weights that nobody can push.

What to do: dvc checkout, or gitcellar add MODEL PATH for the data that is there.""",
)
M008 = Rule(
    "M008",
    "an environment names exact versions",
    """Where gitcellar.yaml has `environment: locked`, an entry names a lock file (uv.lock, poetry.lock, conda-lock.yml,
requirements.txt with == everywhere, …) or maps packages to exact versions, so that a model can be run again.

What to do: commit a lock file and name it: gitcellar add MODEL PATH --set environment=uv.lock.""",
)
M009 = Rule(
    "M009",
    "a model's folder has the files that the policy requires",
    """`files: {required: [README.md]}` in gitcellar.yaml names globs of files that the folder of a model has; the
folder is named as the model.

What to do: add the file.""",
)
M010 = Rule(
    "M010",
    "a model's folder has only files that the policy expects",
    """Where gitcellar.yaml has `files: {optional: […]}`, a file of a model's folder that matches neither a required nor
an optional glob is in the wrong place.

What to do: move the file, or add its glob to `optional:`.""",
)


def check_declared(act: Act) -> Iterable[Violation]:
    declared = act.declared
    if declared is None or declared.entry is not None or declared.faults:
        return
    for proposed, _ in act.registrations:
        message = f"{declared.file} at {declared.where} has no entry for {act.model}"
        hint = f"gitcellar add {act.model} PATH, then commit and register that commit"
        yield M001.violation(act.tag_of(proposed), message, hint=hint)


def check_stage_fields(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        if not isinstance(proposed.fact, Assigned) or act.declared is None:
            continue
        stage = proposed.fact.stage
        for name in _missing(act.entry, act.rules.required_for.get(stage, ())):
            yield M003.violation(
                act.tag_of(proposed),
                f"{stage} asks for {name!r}, and the entry at {act.declared.where} has none",
                hint=f"add {name!r} to the entry, commit, and register the next version",
            )


def check_file(fault: Fault) -> Iterable[Violation]:
    subject, message = fault.where or fault.file, str(fault)
    yield M002.violation(subject, message, hint="mend the file there", file=fault.file, line=fault.line)


def check_readable(declared: Declaration) -> Iterable[Violation]:
    for fault in declared.faults:
        yield M002.violation(
            declared.model.text, fault, hint="mend the file there", file=declared.file, line=declared.line
        )


def check_fields(declared: Declaration) -> Iterable[Violation]:
    for name in _missing(declared.entry, declared.rules.required) if declared.entry else ():
        yield _at(declared, M003, f"its entry has no {name!r}", hint=f"add {name!r} to the entry")


def check_paths(declared: Declaration) -> Iterable[Violation]:
    for path in declared.missing:
        checkpoint = declared.entry is not None and path == declared.entry.path
        hint = f"gitcellar add {declared.model} {path}" if checkpoint else f"git add {path}"
        yield _at(declared, M004, f"{path} is not in {declared.where}", hint=hint)


def check_tracked(declared: Declaration) -> Iterable[Violation]:
    if declared.entry is not None and declared.tracked.outside_dvc:
        path = declared.entry.path
        message = f"DVC does not track {path}" if declared.tracked.digest is None else f"{path} is in Git too"
        hint = f"git rm -r --cached {path}, then gitcellar add {declared.model} {path}"
        yield _at(declared, M005, message, hint=hint)


def check_size(declared: Declaration) -> Iterable[Violation]:
    most, size = declared.rules.max_size, declared.tracked.size
    if most is not None and size is not None and size > most:
        yield _at(declared, M006, f"the checkpoint has {size} bytes, and {most} are the most")


def check_data(declared: Declaration) -> Iterable[Violation]:
    if declared.entry is not None and declared.tracked.data_missing:
        path = declared.entry.path
        message = f"neither the work tree nor DVC's cache has what is tracked as {path}"
        yield _at(declared, M007, message, hint=f"dvc checkout {path}, or gitcellar add {declared.model} {path}")


def check_environment(declared: Declaration) -> Iterable[Violation]:
    if not declared.rules.environment_locked or declared.entry is None:
        return
    environment = declared.entry.environment
    loose: Sequence[str] = ()
    if environment is None:
        yield _at(declared, M008, "its entry has no environment", hint="name a lock file")
    elif isinstance(environment, Mapping):
        loose = [name for name, version in environment.items() if not isinstance(version, str) or "*" in version]
    elif declared.lock is not None:
        loose = find_unlocked(*declared.lock)
    if loose:
        more = f" and {len(loose) - 1} more" if len(loose) > 1 else ""
        yield _at(declared, M008, f"its environment leaves open {loose[0]}{more}", hint="name exact versions")


def check_required_files(declared: Declaration) -> Iterable[Violation]:
    if declared.files is None or declared.rules.files is None:
        return
    for glob in declared.rules.files.required:
        if not any(matches(glob, file) for file in declared.files):
            folder = declared.model.text
            yield _at(declared, M009, f"{folder}/{glob} is required and not there", hint=f"git add {folder}/{glob}")


def check_expected_files(declared: Declaration) -> Iterable[Violation]:
    expected = declared.rules.files
    if declared.files is None or expected is None or expected.optional is None:
        return
    for file in declared.files:
        if not any(matches(glob, file) for glob in (*expected.required, *expected.optional)):
            yield _at(declared, M010, f"{declared.model}/{file} is not expected there", hint="move it elsewhere")


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(M001, check_declared),
    Check(M003, check_stage_fields),
)
DECLARATION_CHECKS: tuple[Check[Declaration], ...] = (
    Check(M002, check_readable),
    Check(M003, check_fields),
    Check(M004, check_paths),
    Check(M005, check_tracked),
    Check(M006, check_size),
    Check(M007, check_data),
    Check(M008, check_environment),
    Check(M009, check_required_files),
    Check(M010, check_expected_files),
)
FAULT_CHECKS: tuple[Check[Fault], ...] = (Check(M002, check_file),)


def _at(declared: Declaration, rule: Rule, message: str, *, hint: str | None = None) -> Violation:
    return rule.violation(declared.model.text, message, hint=hint, file=declared.file, line=declared.line)


def _missing(entry: Entry | None, fields: Iterable[str]) -> list[str]:
    """Those of `fields` of which an entry says nothing. A dot leads into a mapping, as in `metrics.accuracy`."""
    said: Any = entry.model_dump() if entry is not None else {}
    return [name for name in fields if _find(said, name.split(".")) in (None, "", [], {})]


def _find(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
