"""Which ref does a CI job run for? By the variables that each host sets. Pure; may import nothing."""

from collections.abc import Mapping

# What says that a host runs the job, and what names the ref there. Sources: each host's page on predefined variables.
_HOSTS = (
    ("GITHUB_ACTIONS", ("GITHUB_REF",)),
    ("GITLAB_CI", ("CI_COMMIT_TAG",)),
    ("JENKINS_URL", ("TAG_NAME",)),
    ("BITBUCKET_BUILD_NUMBER", ("BITBUCKET_TAG",)),
    ("TF_BUILD", ("BUILD_SOURCEBRANCH",)),
    ("CIRCLECI", ("CIRCLE_TAG",)),
)
_TAGS = "refs/tags/"


def find_ci_tag(variables: Mapping[str, str]) -> str | None:
    """The tag, without `refs/tags/`; empty in a job that runs for no tag, None outside of any CI that is known."""
    for host, names in _HOSTS:
        if variables.get(host):
            found = next((variables[name] for name in names if variables.get(name)), "")
            if found.startswith("refs/") and not found.startswith(_TAGS):
                return ""
            return found.removeprefix(_TAGS)
    return None
