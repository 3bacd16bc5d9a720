"""How is it told what was done with each stage? To a person in a line, to a program as a row. May import gitops."""

from __future__ import annotations

from gitcellar.core.deployments import Step
from gitcellar.gitops.rows import StepRow


def step_row(step: Step) -> StepRow:
    """A step as it stands in JSON."""
    return {"slot": step.slot, "status": step.status, "version": step.version, "reason": step.reason}


def spell_step(step: Step) -> str:
    """`MODEL#STAGE at VERSION: why`, as far as there is more to say than the slot."""
    at = f" at {step.version}" if step.version else ""
    return f"{step.slot}{at}{f': {step.reason}' if step.reason else ''}"
