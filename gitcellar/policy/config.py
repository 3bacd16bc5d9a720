"""What are the rules of this cellar? `gitcellar.yaml`, by glob over the names of models.

May import core and pydantic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gitcellar.core.documents import DocumentError, parse_document, validate
from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName, parse_stage_name
from gitcellar.core.tags import Dialect
from gitcellar.policy.schemes import SchemeName

FILE = "gitcellar.yaml"
DEFAULT_STAGES = ("staging", "production", "archived")


def _check_stage(text: str) -> str:
    try:
        return parse_stage_name(text)
    except CellarError as error:
        raise ValueError(error.message) from error


Stages = Annotated[list[Annotated[str, AfterValidator(_check_stage)]], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Strict):
    """What holds for the models that `match` names. A later section refines an earlier one."""

    match: str = Field(min_length=1, description="a glob: * stays within a part of the name, ** crosses parts")
    scheme: SchemeName | None = Field(default=None, description="how versions are numbered")
    stages: Stages | None = Field(default=None, description="the stages that these models may enter")


class Policy(_Strict):
    """The whole file. Without a file, the defaults hold."""

    dialect: Dialect = Field(default="cellar", description="how tags are spelled: gto writes what GTO reads")
    coordination: Literal[True, False] = Field(
        default=True, description="off where the Git host refuses refs below refs/gitcellar/"
    )
    stages: Stages = list(DEFAULT_STAGES)
    models: list[ModelSection] = []

    def rules_of(self, model: ModelName) -> ModelRules:
        """What applies to one model."""
        scheme: SchemeName = "cellar"
        stages = self.stages
        for section in self.models:
            if matches(section.match, model.text):
                scheme = section.scheme or scheme
                stages = section.stages or stages
        return ModelRules(scheme, tuple(stages), self.dialect, self.coordination)


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The policy as it stands for one model."""

    scheme: SchemeName = "cellar"
    stages: tuple[str, ...] = DEFAULT_STAGES
    dialect: Dialect = "cellar"
    coordination: bool = True


def parse_policy(content: bytes, file: str = FILE) -> Policy:
    """Read a policy; an empty file is the default one. Raise DocumentError with every fault."""
    document = parse_document(content, file)
    value: Any = {} if document.value is None else document.value
    policy, faults = validate(Policy, document, value)
    if policy is None:
        raise DocumentError(faults)
    return policy


def matches(glob: str, name: str) -> bool:
    """Whether `glob` names `name`: `*` and `?` stay within a part, `**` crosses parts."""
    pattern = "".join(
        {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))
        for piece in re.split(r"(\*\*|\*|\?)", glob)
    )
    return re.fullmatch(pattern, name) is not None
