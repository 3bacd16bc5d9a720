"""How is a verdict told? For a person on stderr; for programs as JSON, SARIF or GitHub's annotations.

May import policy, cellar.rows and this door's output.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gitcellar import __version__
from gitcellar.cellar.rows import SCHEMA
from gitcellar.cellar.verdict_rows import CheckDocument, ViolationRow
from gitcellar.doors.cli.output import print_annotation, print_json, printable, say
from gitcellar.policy.judge import RULES, RefusedError, Verdict
from gitcellar.policy.rules import Violation

# Beyond this a terminal shows nobody anything; --format has all of them.
_MOST = 20
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def say_verdict(verdict: Verdict) -> None:
    """Every violation a line, then what to do, without saying the same thing twice."""
    for word, found in (("Refused", verdict.violations), ("Warning", verdict.warnings)):
        for violation in found[:_MOST]:
            say(word, str(violation))
        if len(found) > _MOST:
            say(word, f"and {len(found) - _MOST} more")
    told = verdict.violations[:_MOST] or verdict.warnings[:_MOST]
    for hint in dict.fromkeys(violation.hint for violation in told if violation.hint):
        say("Hint", hint)
    if told:
        say("Hint", f"why: gitcellar rule {told[0].rule}")


def require_ok(verdict: Verdict) -> None:
    """Warn of what the verdict warns of. Raise RefusedError where it refuses."""
    if not verdict.ok:
        raise RefusedError(verdict)
    say_verdict(verdict)


def check_document(verdict: Verdict) -> CheckDocument:
    """A verdict as data."""
    excepted: list[ViolationRow] = []
    for found in verdict.excepted:
        row = _row(found.violation, "off")
        row["exception"] = f"{found.exception.reason} (until {found.exception.until})"
        excepted.append(row)
    errors = [_row(violation, "error") for violation in verdict.violations]
    warnings = [_row(violation, "warning") for violation in verdict.warnings]
    return {"schema": SCHEMA, "ok": verdict.ok, "violations": errors + warnings, "excepted": excepted}


def print_sarif(verdict: Verdict) -> None:
    """A verdict as SARIF 2.1.0, which code hosts show beside the lines of a change."""
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.reason},
            "help": {"text": rule.page},
            "defaultConfiguration": {"level": "error" if rule.severity == "error" else "warning"},
        }
        for rule in RULES
    ]
    driver = {"name": "gitcellar", "semanticVersion": __version__, "rules": rules}
    results = [_result(level, violation) for level, violation in _leveled(verdict)]
    print_json({"$schema": _SARIF, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]})


def print_annotations(verdict: Verdict) -> None:
    """A verdict as GitHub's workflow commands: a line of `::error file=…::` for each violation."""
    for level, violation in _leveled(verdict):
        place = {"file": violation.file, "line": str(violation.line or 1)} if violation.file else {}
        hint = f"\n{violation.hint}" if violation.hint else ""
        title = f"{violation.rule} {violation.subject}"
        print_annotation(level, violation.message + hint, title=title, **place)


def _leveled(verdict: Verdict) -> Iterable[tuple[str, Violation]]:
    yield from (("error", violation) for violation in verdict.violations)
    yield from (("warning", violation) for violation in verdict.warnings)


def _row(violation: Violation, severity: str) -> ViolationRow:
    return {
        "rule": violation.rule,
        "severity": severity,
        "subject": violation.subject,
        "message": violation.message,
        "hint": violation.hint,
        "file": violation.file,
        "line": violation.line,
        "exception": None,
    }


def _result(level: str, violation: Violation) -> dict[str, Any]:
    file = violation.file or "gitcellar.yaml"
    region = {"region": {"startLine": violation.line or 1}}
    location = {"physicalLocation": {"artifactLocation": {"uri": file}, **region}}
    hint = f" {violation.hint}." if violation.hint else ""
    return {
        "ruleId": violation.rule,
        "level": level,
        "message": {"text": printable(f"{violation.subject}: {violation.message}.{hint}")},
        "locations": [location],
    }
