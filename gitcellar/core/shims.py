"""What does git run as a hook? The few lines of shell that stand in hooks/ and that `gitcellar hook install` writes.

May import nothing of gitcellar.
"""

CLIENT = ("pre-commit", "pre-push")
SERVER = ("pre-receive", "update")
HOOKS = (*CLIENT, *SERVER)

# By this an installed shim is known, whichever version wrote it.
MARK = "Written by `gitcellar hook install`"

# The setting in which `hook install` records the program that ran it. Git reads it from the repository's own
# configuration alone (`--local` follows no include), so no file of a commit can name a program.
PROGRAM = "gitcellar.program"

_SHIM = """\
#!/bin/sh
# Checks against the policy of this cellar. Written by `gitcellar hook install`, removed by `gitcellar hook uninstall`.
# Runs the gitcellar on PATH, else the one that installed this hook.
program=$(command -v gitcellar || git config --local gitcellar.program)
[ -x "$program" ] || {{
    echo "Error: the {name} hook finds no gitcellar, on PATH or where it was installed, so it refuses." >&2
    echo "Hint: install gitcellar, then run: gitcellar hook install {name}" >&2
    exit 1
}}
exec "$program" hook {name} --chained "$0.chained" -- "$@"
"""


def format_shim(name: str) -> str:
    """The whole hook file called `name`."""
    return _SHIM.format(name=name)
