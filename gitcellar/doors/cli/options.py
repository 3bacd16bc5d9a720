"""Which options do verbs share? Declared once, so that a flag means the same everywhere. May import click."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from gitcellar.cellar.reading import open_source, read_cellar
from gitcellar.core.errors import CellarError, NotFoundError, did_you_mean
from gitcellar.core.state import ModelState
from gitcellar.doors.cli.output import say
from gitcellar.store.environment import forget_hook_environment
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource

Command = TypeVar("Command", bound=Callable[..., Any])


def _complete_models(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    try:
        return [name.text for name in read_cellar(GitRepository(".")) if name.text.startswith(typed)]
    except CellarError:
        return []


def _complete_references(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    try:
        states = read_cellar(GitRepository("."))
    except CellarError:
        return []
    found = [
        reference
        for name, state in states.items()
        for reference in (
            *(f"{name}@{version}" for version in state.registrations),
            *(f"{name}#{stage}" for stage in state.stages),
            f"{name}@latest",
        )
    ]
    return [reference for reference in found if reference.startswith(typed)]


def _set_path(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.obj = value


in_path = click.option("-C", metavar="PATH", expose_value=False, callback=_set_path, help="Run as if started in PATH.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
as_plain = click.option("--plain", "as_plain", is_flag=True, help="Print tab-separated lines without a header.")
from_repository = click.option("--repo", metavar="PATH_OR_URL", help="Read this repository; a URL is not cloned.")
of_models = click.option(
    "--model", "models", metavar="GLOB", default="**", show_default=True, help="Of the models it matches."
)
of_stages = click.option("--stage", "stages", metavar="STAGE", multiple=True, help="This stage alone; may be repeated.")
model_argument = click.argument("model", shell_complete=_complete_models)
optional_model = click.argument("model", required=False, shell_complete=_complete_models)
reference_argument = click.argument("ref", shell_complete=_complete_references)


def reader(command: Command) -> Command:
    """The options of a verb that only reads."""
    for option in (as_plain, as_json, from_repository, in_path):
        command = option(command)
    return command


def find_source(context: click.Context, repo: str | None) -> RefSource:
    """The repository to read: the one named, or that of the current folder."""
    if repo is None:
        return find_repository(context)
    # A hook's variables would make git read the hook's repository, whatever is named here.
    forget_hook_environment()
    base = context.obj
    return open_source(os.path.join(base, repo) if os.path.isdir(os.path.join(base, repo)) else repo)


def find_clone(context: click.Context) -> GitRepository | None:
    """The repository of the current folder, where it is one."""
    repository = GitRepository(context.obj)
    try:
        repository.find_root()
    except CellarError:
        return None
    _require_remote(context, repository)
    return repository


def find_repository(context: click.Context) -> GitRepository:
    """The repository of the current folder, or of -C. Raise NotFoundError for a --remote that it does not have."""
    if context.obj != ".":
        forget_hook_environment()
    repository = GitRepository(context.obj)
    _require_remote(context, repository)
    return repository


def require_asked(source: RefSource, models: str, stages: Sequence[str], *, once: bool) -> list[ModelState]:
    """The models that are there of --model. Raise NotFoundError for a --model or --stage that means nothing.

    What goes on waits for a model that is registered later; a stage is named by the policy before anything is in it.
    """
    # Here, for they read policies, and who lists models needs none.
    from gitcellar.cellar.asking import require_slots
    from gitcellar.policy.settings import matches

    found = require_slots(source, models if once else "**", stages)
    return [state for state in found if matches(models, state.name.text)]


def warn_of_renamed(source: RefSource, states: Sequence[ModelState]) -> None:
    """Warn of stages that the policy does not name any more. That this cannot be told stops no deployment."""
    from gitcellar.cellar.asking import find_unnamed_stages
    from gitcellar.cellar.policies import read_policy_from

    try:
        policy = read_policy_from(source) if any(state.stages for state in states) else None
        for message in find_unnamed_stages(policy, states) if policy is not None else ():
            say("Warning", message)
    except CellarError as error:
        say("Warning", f"whether the policy still names every stage is not known: {error}")


def _require_remote(context: click.Context, repository: GitRepository) -> None:
    """A remote that was typed must exist: of one that does not, most questions have an empty answer."""
    typed = context.get_parameter_source("remote") is ParameterSource.COMMANDLINE
    remote = context.params["remote"] if typed else None
    if remote is None or repository.find_remote_url(remote) is not None:
        return
    known = repository.list_remotes()
    hint = did_you_mean(remote, known) or (f"there are: {', '.join(known)}" if known else None)
    raise NotFoundError(f"there is no remote {remote!r}", hint=hint or f"git remote add {remote} URL")
