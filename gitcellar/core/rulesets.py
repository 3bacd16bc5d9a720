"""What can a Git host enforce without a hook of ours? A ruleset for GitHub, as its own import reads it.

May import nothing of gitcellar.
"""

from typing import Any


def github_ruleset() -> dict[str, Any]:
    """A ruleset over the registry's tags: they are created once, and never moved or deleted.

    GitHub has no pre-receive hook on github.com, so this holds rule V009 alone; the others are held by CI. In its
    patterns `*` stops at a slash (docs.github.com, "Creating rulesets", fnmatch).
    """
    return {
        "name": "gitcellar: registry tags stand for ever",
        "target": "tag",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["refs/tags/**/*@*", "refs/tags/**/*#*"], "exclude": []}},
        "rules": [{"type": "deletion"}, {"type": "update"}, {"type": "non_fast_forward"}],
        "bypass_actors": [],
    }
