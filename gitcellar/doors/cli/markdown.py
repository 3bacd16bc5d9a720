"""How is a stranger's text written in Markdown, where hosts make links and mentions of it? Plainly, or as code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gitcellar.doors.cli.output import one_line

# Letters, digits and marks of which no host makes anything. It begins no list, and names no host and no issue: GitHub
# makes links of `www.`, of `GH-12`, and after it has read the Markdown, so that escapes do not help; but not in code.
_PLAIN = re.compile(
    r"(?![0-9]+[.)](?: |$))(?!.*(?:www\.|gh-))[+-]?[a-z0-9](?:[a-z0-9 .,;()%+='\"/→-]|: |[0-9]{2}:[0-9]{2}:[0-9]{2}Z)*",
    re.IGNORECASE,
)


def escape_markdown(text: str) -> str:
    """Text that shows as it is: without markup, links, mentions of people, references to issues, or HTML."""
    flat = one_line(text).strip()
    if not flat or _PLAIN.fullmatch(flat):
        return flat
    # CommonMark 0.31, "Code spans": as many backticks on both sides, more than there are in a row inside.
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def format_row(cells: Sequence[str]) -> str:
    """A row of a table. In code a bar is escaped too, and a backslash before it would take that away."""
    escaped = (escape_markdown(cell).replace("\\|", "\\ |").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
