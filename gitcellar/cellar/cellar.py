"""How does a program use a cellar? `Cellar`, with models and versions as objects over the same use cases as the CLI.

May import core, policy, store and the rest of its own floor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Literal

from gitcellar.cellar import reading, writing
from gitcellar.cellar.checking import check_cellar
from gitcellar.cellar.describing import Description, read_description
from gitcellar.cellar.getting import Delivered, get_checkpoint
from gitcellar.cellar.proving import Proof, verify
from gitcellar.cellar.writing import Options, Outcome
from gitcellar.core.errors import NotFoundError
from gitcellar.core.events import DetailedEvent
from gitcellar.core.names import ModelName, parse_model_name
from gitcellar.core.references import Reference, find_referenced
from gitcellar.core.state import ModelState, VersionState
from gitcellar.core.versions import parse_version
from gitcellar.policy.judge import Verdict
from gitcellar.store.checkpoints import Progress, silent
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource


class Cellar:
    """A repository used as a registry. Nothing is cached: every question is asked of Git anew.

    >>> from gitcellar import Cellar
    >>> Cellar.open(".")["vit-l/projectA"].stage("production").get("model.safetensors")  # doctest: +SKIP
    """

    def __init__(self, source: RefSource) -> None:
        self._source = source

    @classmethod
    def open(cls, where: str | os.PathLike[str] = ".") -> Cellar:
        """The cellar at a path or URL. Raise NotFoundError for a path that is not there."""
        return cls(reading.open_source(where))

    @property
    def models(self) -> Mapping[str, Model]:
        """Every model by name, in order, from one reading of the refs."""
        return {name.text: Model(self._source, name) for name in reading.read_cellar(self._source)}

    def __getitem__(self, name: str) -> Model:
        """A model by name. Raise NotFoundError, when it is asked something, for one without tags."""
        return Model(self._source, parse_model_name(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)

    def version(self, reference: str) -> Version:
        """The version that REF means: `MODEL@1.2.3`, `MODEL@latest`, `MODEL#production`. Raise NotFoundError."""
        meant = reading.read_reference(self._source, reference)
        return self[meant.model.text]._version(meant)

    def history(self) -> list[DetailedEvent]:
        """All events of all models, the newest first."""
        return [event for _, event in reading.read_history(self._source, None)]

    def check(self) -> Verdict:
        """Judge every event as if it were pushed now, in the order in which they count."""
        return check_cellar(self.repository)

    def verify(self) -> Proof:
        """Look for history that was rewritten, trusting no server."""
        return verify(self._source)

    def register(
        self,
        model: str,
        revision: str | None = None,
        *,
        version: str | None = None,
        bump: Literal["major", "minor", "patch"] | None = None,
        options: Options = writing.DEFAULT,
    ) -> Outcome:
        """Register a version at a commit, HEAD by default. Raise RefusedError where the policy does not allow it."""
        return writing.register(
            self.repository,
            parse_model_name(model),
            revision=revision,
            version=parse_version(version) if version else None,
            bump=bump,
            options=options,
        )

    @property
    def repository(self) -> GitRepository:
        """The clone that is written to. Raise NotFoundError for a cellar at a URL, which is only read."""
        if isinstance(self._source, GitRepository):
            return self._source
        raise NotFoundError(f"{self._source.url} is a URL, and writing needs a clone", hint="git clone it first")

    def __repr__(self) -> str:
        return f"Cellar({str(getattr(self._source, 'path', '') or getattr(self._source, 'url', ''))!r})"

    def _repr_html_(self) -> str:
        states = reading.read_cellar(self._source)
        rows = [
            (
                name.text,
                str(state.latest or ""),
                ", ".join(f"{s}: {h.version}" for s, h in sorted(state.stages.items())),
            )
            for name, state in states.items()
        ]
        return _html_table(("model", "latest", "stages"), rows)


class Model:
    """A model of a cellar."""

    def __init__(self, source: RefSource, name: ModelName) -> None:
        self._source = source
        self.name = name.text
        self._name = name

    @property
    def state(self) -> ModelState:
        """What is so now. Raise NotFoundError for a model without tags."""
        return reading.read_model(self._source, self._name)

    @property
    def versions(self) -> list[Version]:
        """Every version, the lowest first."""
        return [Version(self._source, self._name, held) for held in self.state.versions]

    @property
    def latest(self) -> Version:
        """The newest version that was not withdrawn. Raise NotFoundError where there is none."""
        return self._version(Reference(self._name, line=()))

    def version(self, version: str) -> Version:
        """One version. Raise NotFoundError, with the nearest, where it is not registered."""
        return self._version(Reference(self._name, version=parse_version(version)))

    def stage(self, stage: str) -> Version:
        """The version that a stage holds. Raise NotFoundError where it is empty."""
        return self._version(Reference(self._name, stage=stage))

    def history(self) -> list[DetailedEvent]:
        """Its events, the newest first."""
        return [event for _, event in reading.read_history(self._source, self._name)]

    def assign(self, version: str, stage: str, *, options: Options = writing.DEFAULT) -> Outcome:
        """Put a version into a stage. Raise RefusedError where the policy does not allow it."""
        reference = Reference(self._name, version=parse_version(version))
        return writing.assign(Cellar(self._source).repository, reference, stage, options=options)

    def unassign(self, stage: str, *, options: Options = writing.DEFAULT) -> Outcome:
        """Empty a stage."""
        return writing.unassign(Cellar(self._source).repository, self._name, stage, options=options)

    def rollback(self, stage: str, *, to: str | None = None, options: Options = writing.DEFAULT) -> Outcome:
        """Put back what a stage held before, or the version `to` that held it once."""
        version = parse_version(to) if to else None
        return writing.rollback(Cellar(self._source).repository, self._name, stage, to=version, options=options)

    def withdraw(self, version: str, *, options: Options = writing.DEFAULT) -> Outcome:
        """Recall a version."""
        reference = Reference(self._name, version=parse_version(version))
        return writing.withdraw(Cellar(self._source).repository, reference, options=options)

    def __repr__(self) -> str:
        return f"Model({self.name!r})"

    def _repr_html_(self) -> str:
        rows = [(str(v.version), ", ".join(v.stages), v.commit[:7], v.tag) for v in reversed(self.state.versions)]
        return _html_table(("version", "stages", "commit", "tag"), rows)

    def _version(self, reference: Reference) -> Version:
        return Version(self._source, self._name, find_referenced(reference, self.state))


class Version:
    """A registered version of a model, as it was when it was asked for."""

    def __init__(self, source: RefSource, model: ModelName, state: VersionState) -> None:
        self._source = source
        self._model = model
        self.state = state

    @property
    def number(self) -> str:
        """Such as `1.2.3`."""
        return str(self.state.version)

    @property
    def commit(self) -> str:
        """The full id of the commit that it is registered at."""
        return self.state.commit

    @property
    def tag(self) -> str:
        """The name of the tag that registers it."""
        return self.state.tag

    def describe(self) -> Description:
        """Everything about it: who, when, base, data, parameters, metrics, checkpoint, stages past and present."""
        return read_description(self._source, Reference(self._model, version=self.state.version))

    def get(
        self, to: str | os.PathLike[str] | None = None, *, replace: bool = False, progress: Progress = silent
    ) -> Delivered:
        """Download its checkpoint to `to`, verified. Raise WorldError for what is missing or not what was recorded."""
        reference = Reference(self._model, version=self.state.version)
        place = None if to is None else Path(to)
        return get_checkpoint(self._source, reference, to=place, replace=replace, progress=progress)

    def __repr__(self) -> str:
        return f"Version({self._model.text!r}, {self.number!r})"


def _html_table(header: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
