"""What is a rule, and what is a reason to refuse? May import core alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason to refuse a change: the rule, what it is about (a tag as a rule), why, and what to type instead."""

    rule: str
    subject: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}: {self.message}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's stable id, its one-line reason, and the page that `gitcellar rule ID` prints."""

    id: str
    reason: str
    page: str

    def violation(self, subject: str, message: str, *, hint: str | None = None) -> Violation:
        """This rule broken by `subject`."""
        return Violation(self.id, subject, message, hint)
