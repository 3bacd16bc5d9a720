"""Why did another door refuse? The lines that a hook of gitcellar prints, read back as violations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gitcellar.policy.rules import Violation

_REFUSED = re.compile(r"Refused: ([A-Z][0-9]{3}) (\S+): (.+)")
_HINT = re.compile(r"Hint: (?!why: gitcellar rule )(.+)")


def parse_refusals(lines: Sequence[str]) -> tuple[Violation, ...]:
    """The violations among the lines that a hook printed; none where it was another program's hook.

    Hints are told once and after all violations, so each goes with the next violation, the first to the first.

    >>> parse_refusals(["Refused: V003 vit-l/base@1.4: 1.3 comes first", "Hint: gitcellar register vit-l/base"])[0].rule
    'V003'
    """
    found = [match for line in lines if (match := _REFUSED.fullmatch(line))]
    hints = [match[1] for line in lines if (match := _HINT.fullmatch(line))] if found else []
    told = [Violation(match[1], match[2], match[3], hint) for match, hint in zip(found, hints, strict=False)]
    rest = [Violation(match[1], match[2], match[3]) for match in found[len(told) :]]
    return (*told, *rest)
