"""What is a rule, and what is a reason to refuse? May import core and policy.settings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gitcellar.policy.settings import Severity


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason to refuse a change: the rule, what it is about (a tag as a rule), why, and what to type instead.

    `file` and `line` say where in a file it can be mended, for a fault of a file. What `waits` is mended by time or by
    other people, and not by asking otherwise.
    """

    rule: str
    subject: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    waits: bool = False

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}: {self.message}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's stable id, its one-line reason, and the page that `gitcellar rule ID` prints."""

    id: str
    reason: str
    page: str
    severity: Severity = "error"
    waits: bool = False

    def violation(
        self, subject: str, message: str, *, hint: str | None = None, file: str | None = None, line: int | None = None
    ) -> Violation:
        """This rule broken by `subject`."""
        return Violation(self.id, subject, message, hint, file, line, self.waits)


Judged = TypeVar("Judged")


@dataclass(frozen=True, slots=True)
class Check(Generic[Judged]):
    """A rule, and the function that finds what breaks it in one thing that is judged."""

    rule: Rule
    find: Callable[[Judged], Iterable[Violation]]
