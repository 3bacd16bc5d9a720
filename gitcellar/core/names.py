"""What may a model and a stage be called? The grammar of names, and what a name says of its model.

May import core.errors alone.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from gitcellar.core.errors import InvalidError

BASE = "base"
Kind = Literal["base", "project", "model"]

# A component of a ref has at most 255 bytes on common file systems, and a tag adds `@1.2.3=approved.production#8.lock`.
MAX_LENGTH = 200

PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_MODEL = re.compile(rf"(?:(?P<folder>{PART}(?:/{PART})*):)?{PART}(?:/{PART})*")
_STAGE = re.compile(PART)


@dataclass(frozen=True, slots=True, order=True)
class ModelName:
    """`{rack}/{project}`; also GTO's `name` and `folder:name`, which have no rack. Made by `parse_model_name`."""

    text: str

    @property
    def rack(self) -> str | None:
        """The model family, `vit-l` of `vit-l/base`; None for a name without one."""
        if ":" in self.text:
            return None
        return self.text.rpartition("/")[0] or None

    @property
    def project(self) -> str:
        """The last part: `base`, or what the model is tuned for."""
        return re.split("[/:]", self.text)[-1]

    @property
    def kind(self) -> Kind:
        """`base` and `project` stand in a rack; a `model` stands alone."""
        if self.rack is None:
            return "model"
        return "base" if self.project == BASE else "project"

    @property
    def base(self) -> "ModelName":
        """The base model of this name's rack. Meaningful for `project` alone."""
        return ModelName(f"{self.rack}/{BASE}")

    @property
    def in_tag(self) -> str:
        """As it stands in a ref, where `:` is not allowed and GTO writes `=`."""
        return self.text.replace(":", "=")

    def __str__(self) -> str:
        return self.text


def parse_model_name(text: str) -> ModelName:
    """Raise InvalidError, with the reason, for what is no model name."""
    fault = _find_fault(text, _MODEL)
    if fault:
        raise InvalidError(
            f"{text!r} is no model name: {fault}",
            hint="a model is RACK/PROJECT, such as vit-l/base or vit-l/projectA: letters, digits, . _ - within a part",
        )
    return ModelName(text)


@cache
def find_model_name(text: str) -> ModelName | None:
    """The model whose tags begin with `text`, in the spelling of a ref; None where it is no name."""
    name = text.replace("=", ":")
    return None if _find_fault(name, _MODEL) else ModelName(name)


def is_stage_name(text: str) -> bool:
    """Whether `text` may name a stage: one part, without `/`."""
    return _find_fault(text, _STAGE) is None


def parse_stage_name(text: str) -> str:
    """Raise InvalidError, with the reason, for what is no stage name."""
    fault = _find_fault(text, _STAGE)
    if fault:
        raise InvalidError(
            f"{text!r} is no stage name: {fault}", hint="a stage is one word, such as staging or production"
        )
    return text


def _find_fault(text: str, grammar: re.Pattern[str]) -> str | None:
    if not text:
        return "it is empty"
    if len(text) > MAX_LENGTH:
        return f"it has {len(text)} characters, and {MAX_LENGTH} are the most"
    if not grammar.fullmatch(text):
        return "every part begins and ends with a letter or digit, with only . _ - between them"
    # git-check-ref-format(1), rules 1 and 3.
    if ".." in text:
        return "git allows no '..' in a tag"
    if any(part.endswith(".lock") for part in re.split("[/:]", text)):
        return "git allows no part that ends with '.lock'"
    return None
