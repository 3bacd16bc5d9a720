"""The files for other people's machines, held against those machines' own tools: zizmor, check-jsonschema, pre-commit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gitcellar.gitops.pipelines import read_pipeline
from tests.support.cellars import Bench
from tests.support.processes import run

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """The file for a host as `ci init` writes it; of `action` our own action."""

    def write(host: str) -> Path:
        path = tmp_path / f"{host}.yml"
        path.write_text(read_pipeline(host, "gitcellar[s3]==0.1.0"))
        return path

    return lambda host: ACTION if host == "action" else write(host)


@pytest.mark.parametrize("host", ["github", "action"])
def test_zizmor_finds_nothing_in_the_workflow(written: Callable[[str], Path], host: str) -> None:
    file = written(host)
    done = run(ROOT, "zizmor", "--offline", "--persona=pedantic", str(file))
    assert done.status == 0, done.out


@pytest.mark.parametrize(
    ("schema", "host"),
    [("vendor.github-workflows", "github"), ("vendor.gitlab-ci", "gitlab"), ("vendor.github-actions", "action")],
)
def test_the_job_is_what_its_host_reads(written: Callable[[str], Path], schema: str, host: str) -> None:
    done = run(ROOT, "check-jsonschema", "--builtin-schema", schema, str(written(host)))
    assert done.status == 0, done.out


@pytest.mark.parametrize("host", ["github", "gitlab", "action"])
def test_no_script_interpolates_anything(written: Callable[[str], Path], host: str) -> None:
    def scripts(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [str(value[key]) for key in ("run", "script") if key in value]
            return own + [script for inner in value.values() for script in scripts(inner)]
        return [script for inner in value for script in scripts(inner)] if isinstance(value, list) else []

    found = scripts(yaml.safe_load(written(host).read_text()))
    assert any("gitcellar ci guard" in script for script in found)
    assert not any("${{" in script for script in found)


def test_pre_commit_takes_our_hook_and_it_judges(stocked: Bench) -> None:
    assert run(ROOT, "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml").status == 0
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    # Installed here already: only where the command comes from differs.
    config = {"repos": [{"repo": "local", "hooks": [{**hook, "language": "system"}]}]}
    (stocked.work / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    assert run(stocked.work, "pre-commit", "install").status == 0
    stocked.git("add", ".pre-commit-config.yaml")
    assert run(stocked.work, "git", "commit", "-q", "-m", "hooks").status == 0
    (stocked.work / "artifacts.yaml").write_text("vit-l/base: {pth: x}\n")
    stocked.git("add", "artifacts.yaml")
    refused = run(stocked.work, "git", "commit", "-m", "x")
    assert refused.status == 1
    assert (
        "Refused: M002 vit-l/base.pth: artifacts.yaml:1: vit-l/base.pth: unknown key 'pth'" in refused.err + refused.out
    )


def test_ours_and_pre_commits_hook_live_together(stocked: Bench) -> None:
    (stocked.work / ".pre-commit-config.yaml").write_text("repos: []\n")
    stocked.commit("no hooks")
    assert run(stocked.work, "pre-commit", "install").status == 0
    assert stocked.gitcellar("hook", "install").status == 0
    (stocked.work / "artifacts.yaml").write_text("vit-l/base: {pth: x}\n")
    stocked.git("add", "artifacts.yaml")
    assert run(stocked.work, "git", "commit", "-m", "x").status == 1
    assert stocked.gitcellar("hook", "uninstall").status == 0
    assert "pre-commit" in (stocked.work / ".git/hooks/pre-commit").read_text()
