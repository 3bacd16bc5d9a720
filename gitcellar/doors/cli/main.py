"""Where does a command line begin and end? The group of verbs, loaded one by one, and the boundary for errors.

May import the rest of this door; what a verb needs is imported with the verb.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from gitcellar import __version__
from gitcellar.core.errors import NO, CellarError
from gitcellar.core.urls import strip_credentials
from gitcellar.doors.cli.output import close_stdout, printable, say, say_usage

_INTERRUPTED = 130
_OUR_BUG = 70

# The verbs of each module of this folder, in the order in which they are listed; it is imported when one is used.
_FAMILIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Set up": {"tracking": ("init", "add")},
    "Write": {
        "writing": (
            "register",
            "assign",
            "archive",
            "unassign",
            "rollback",
            "promote",
            "withdraw",
            "recall",
            "deprecate",
        ),
        "undoing": ("undo",),
    },
    "Claim": {"claiming": ("approve", "reject", "ratify", "claim", "evaluate", "claims")},
    "Read": {"reading": ("show", "history", "describe", "resolve")},
    "Move": {"getting": ("get",), "moving": ("push", "fetch")},
    "Judge": {"checking": ("check", "doctor")},
    "Account": {"auditing": ("audit", "verify", "stale")},
    "Guard": {"hooking": ("hook", "rulesets")},
    "Promise": {"policing": ("policy", "contract", "gate", "freeze", "unfreeze")},
    "Deploy": {
        "following": ("event",),
        "deploying": ("reconcile", "diff-live", "index"),
        "serving": ("agent",),
        "pipelines": ("ci",),
    },
    "Explain": {"explaining": ("rules", "rule", "schema", "completion")},
}
_MODULES = {verb: module for family in _FAMILIES.values() for module, verbs in family.items() for verb in verbs}


class _Verbs(click.Group):
    """Loads a verb's module when the verb is used, for most of them cost more to import than to run."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module = _MODULES.get(name)
        if module is None:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"gitcellar.doors.cli.{module}"), name.replace("-", "_")
        )
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            from gitcellar.core.errors import did_you_mean

            hint = did_you_mean(args[0], _MODULES)
            raise click.UsageError(f"{error.message}" + (f" {hint.capitalize()}" if hint else ""), context) from error

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for family, modules in _FAMILIES.items():
            with formatter.section(family):
                commands = [(verb, self.get_command(context, verb)) for verbs in modules.values() for verb in verbs]
                formatter.write_dl([(verb, command.get_short_help_str(90)) for verb, command in commands if command])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-C", "path", metavar="PATH", default=".", help="Run as if started in PATH.")
@click.version_option(__version__, "-V", "--version", prog_name="gitcellar", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, path: str) -> None:
    """A model registry that is nothing but Git.

    Versions and stages are annotated tags, metadata is artifacts.yaml in the tagged commit, and DVC tracks the
    checkpoints. REF is MODEL@1.2.3, MODEL@1.2 or MODEL@1 (the newest on that line), MODEL@latest,
    MODEL#production, or the name of a tag.

    \b
    Examples:
      gitcellar show
      gitcellar register vit-l/projectA
      gitcellar assign vit-l/projectA@1.2.3 production --push
      gitcellar get 'vit-l/projectA#production' -o model.safetensors
    """
    context.obj = path


def main() -> None:
    """Run the command line and exit, with the codes of docs/format.md: no exception leaves here."""
    # A command is short and its values live to its end: collecting cycles was a third of reading 100,000 tags.
    gc.disable()
    sys.exit(_guarded(lambda: cli.main(prog_name=_program_name(), standalone_mode=False)))


def _guarded(run: Callable[[], Any]) -> int:
    try:
        result = run()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        _report_usage(error)
        return error.exit_code
    except CellarError as error:
        _report(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted", "nothing is half done")
        return _INTERRUPTED
    except BrokenPipeError:
        close_stdout()
        return 0
    except Exception as error:  # the boundary: a bug of ours, and a log for the report
        say("Error", f"this is a bug in gitcellar: {type(error).__name__}: {error}")
        say("Hint", f"report it with this log: {_write_log()}")
        return _OUR_BUG
    return result if isinstance(result, int) else 0


def _report_usage(error: click.ClickException) -> None:
    """What click says of a command line, which quotes it."""
    context = getattr(error, "ctx", None)
    if context is not None:
        say_usage(context.get_usage())
        say_usage(f"Try '{context.command_path} --help' for help.\n")
    say("Error", error.format_message())


def _report(error: CellarError) -> None:
    if error.exit_code == NO and hasattr(error, "verdict"):
        from gitcellar.doors.cli.verdicts import say_verdict

        say_verdict(error.verdict)
        return
    for line in error.message.splitlines():
        say("Error", line)
    if error.hint:
        say("Hint", error.hint)


def _write_log() -> str:
    import platform
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="gitcellar-", suffix=".log", delete=False) as log:
        # Not platform.platform(), which starts uname, in whatever folder PATH finds one.
        log.write(f"gitcellar {__version__}, Python {platform.python_version()}, {sys.platform}\n")
        log.write(printable(strip_credentials(traceback.format_exc())))
        return log.name


def _program_name() -> str:
    name = os.path.basename(sys.argv[0])
    return "git cellar" if name == "git-cellar" else "gitcellar"
