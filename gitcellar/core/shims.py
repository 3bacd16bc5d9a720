"""What does git run as a hook? The few lines of shell that stand in hooks/ and that `gitcellar hook install` writes.

May import nothing of gitcellar.
"""

CLIENT = ("pre-commit", "pre-push")
SERVER = ("pre-receive", "update")
HOOKS = (*CLIENT, *SERVER)

# By this an installed shim is known, whichever version wrote it.
MARK = "exec gitcellar hook "

_SHIM = """\
#!/bin/sh
# Judged by the policy of this cellar. Written by `gitcellar hook install`, taken away by `gitcellar hook uninstall`.
command -v gitcellar >/dev/null 2>&1 || {{
    echo "Error: gitcellar is not on PATH, so the {name} hook cannot judge, and refuses." >&2
    echo "Hint: pip install gitcellar, or put the environment that has it on PATH" >&2
    exit 1
}}
exec gitcellar hook {name} --chained "$0.chained" -- "$@"
"""


def format_shim(name: str) -> str:
    """The whole hook file called `name`."""
    return _SHIM.format(name=name)
