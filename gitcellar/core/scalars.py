"""What does an unquoted word of a YAML file mean, and which numbers are read at all?

| written without quotes | is |
|---|---|
| nothing, `~`, `null`, `Null`, `NULL` | null |
| `true`, `True`, `TRUE`, `false`, `False`, `FALSE` | a boolean |
| `7`, `-7`, `+7` | an integer |
| `0.5`, `.5`, `5.`, `1e-5`, `-1.5E+3` | a floating-point number |
| anything else: `2001-01-01`, `yes`, `on`, `010`, `0x1f`, `1_000`, `1:30`, `.nan` | text, as it is written |

These are the values of JSON. YAML 1.1 (PyYAML) and YAML 1.2 (ruamel.yaml, and so DVC and GTO) disagree about most of
the last row, and a date, an infinity or a number in base 60 is no value of JSON.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

MAX_DIGITS = 100

_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
# Numbers in any base, dates and times, and the booleans and nulls of either version of YAML.
_DISPUTED = re.compile(
    r"[-+]?\.?[0-9][0-9a-f_.:xo+-]*|[-+]?\.(?:inf|nan)|y|n|yes|no|on|off|true|false|null|~|", re.IGNORECASE
)


def read_word(text: str) -> str | int | float | bool | None:
    """The value of an unquoted word. Raise ValueError for a number that is too long or too large.

    >>> [read_word(word) for word in ("1.10", "1e-5", "on", "010", "2001-01-01", "~")]
    [1.1, 1e-05, 'on', '010', '2001-01-01', None]
    """
    if text in _WORDS:
        return _WORDS[text]
    number = find_number(text)
    return text if number is None else number


def find_number(text: str) -> int | float | None:
    """The finite number that `text` spells; None where it spells none. Raise ValueError where it is out of bounds."""
    if not _NUMBER.fullmatch(text):
        return None
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has at most {MAX_DIGITS} digits, and this one has {len(text)}; put text in quotes")
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large for a number; put text in quotes")
    return number


def is_disputed(text: str) -> bool:
    """Whether some reader of YAML takes an unquoted word for something other than this text.

    >>> [is_disputed(word) for word in ("1.10", "on", "2001-01-01", "base", "vit-l/1.10")]
    [True, True, True, False, False]
    """
    return _DISPUTED.fullmatch(text) is not None
