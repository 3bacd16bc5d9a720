"""The numbers of docs/performance.md, beside git, GTO and DVC in one run: `make bench`.

A benchmark is no test: it always ends with 0, and says which limits were met. Ratios count, for machines differ.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cellars import MODEL, git, make_cellar
from judging import bench_check, bench_hooks, bench_one_model
from racing import CLONES, bench_races
from timing import Measured, measure
from trusting import BARE, NO_QUORUM, QUORUM, bench_quorum, bench_verify

BIN = Path(sys.executable).parent
GITCELLAR, GTO, DVC = (str(BIN / name) for name in ("gitcellar", "gto", "dvc"))
IMPORTS = [sys.executable, "-c", "import click, git"]
SHOW_REF = ["git", "show-ref", "-d", "--tags"]


def main() -> None:
    """Run the whole benchmark in a folder of its own, which is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000, help="tags in the largest cellar")
    parser.add_argument("--gto-most", type=int, default=10_000, help="tags in the largest cellar that GTO is given")
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each command")
    parser.add_argument("--get-size", type=int, default=1024, help="MiB of the checkpoint that is downloaded")
    parser.add_argument("--signed", type=int, default=10_000, help="signed tags that are verified")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitcellar-bench-") as name:
        folder = Path(name)
        _be_neutral(folder)
        version = git(folder, "--version")
        print(f"Python {platform.python_version()}, {version}, {os.cpu_count()} cores; medians of whole processes")
        sizes = [size for size in (100, 1_000, 10_000, 100_000, 1_000_000) if size <= options.most]
        results = {size: bench_reading(folder, size, options.runs) for size in sizes}
        gto = {size: bench_gto(folder, size) for size in sizes if size <= options.gto_most}
        judged = bench_hooks(folder, options.runs) | bench_check(folder, max(3, options.runs // 2))
        judged |= bench_one_model(folder, max(3, options.runs // 2))
        _print_table("judging, in cellars that the policy has nothing against", judged)
        trusted = bench_quorum(folder, options.runs) | bench_verify(folder, options.signed)
        _print_table("signatures", trusted)
        races = bench_races(folder)
        print(f"\n{CLONES} clones, one model, one claim each")
        for name, race in races.items():
            whole = "the chain is whole" if race.whole else "NOT whole"
            print(f"  {name:<32} {race.seconds:9.3f} s   {race.landed} landed, {whole}", flush=True)
        got = bench_get(folder, options.get_size, max(3, options.runs // 2))
    print_limits(results, gto, got)
    print_judging_limits(judged)
    print_trusting_limits(trusted, options.signed)


def bench_reading(folder: Path, size: int, runs: int) -> dict[str, Measured]:
    """Every reader, and a registration that stops before it writes, in a cellar of `size` tags."""
    cellar = folder / f"cellar{size}"
    make_cellar(cellar, size)
    _declare(cellar)
    commands = {
        "git show-ref -d --tags": SHOW_REF,
        "import click, git": IMPORTS,
        "show --plain": [GITCELLAR, "show", "--plain"],
        "show --json": [GITCELLAR, "show", "--json"],
        "show MODEL": [GITCELLAR, "show", "--plain", MODEL],
        "resolve": [GITCELLAR, "resolve", f"{MODEL}#production"],
        "event": [GITCELLAR, "event", f"{MODEL}#staging#40"],
        "register --dry-run": [GITCELLAR, "register", "rack0/base", "HEAD", "--dry-run"],
    }
    measured = measure(commands, cellar, runs=runs if size < 1_000_000 else max(3, runs // 2))
    _print_table(f"{size:,} tags", measured)
    shutil.rmtree(cellar)
    return measured


def bench_gto(folder: Path, size: int) -> dict[str, Measured]:
    """GTO's and our overview of the same cellar, in GTO's spelling. GTO takes minutes of a large one: one run."""
    cellar = folder / f"gto{size}"
    make_cellar(cellar, size, dialect="gto")
    ours = measure({"gitcellar show": [GITCELLAR, "show"]}, cellar, runs=5)
    theirs = measure({"gto show": [GTO, "show"]}, cellar, runs=3 if size < 10_000 else 1, warm_up=size < 10_000)
    _print_table(f"{size:,} tags in GTO's spelling", ours | theirs)
    shutil.rmtree(cellar)
    return ours | theirs


def bench_get(folder: Path, size: int, runs: int) -> dict[str, Measured]:
    """Downloads of one checkpoint from the same DVC remote, a local folder, through the same bare URL."""
    work, remote, target = folder / "get", folder / "get.git", folder / "target"
    git(folder, "init", "-q", "--bare", "-b", "main", str(remote))
    git(folder, "init", "-q", "-b", "main", str(work))
    git(work, "remote", "add", "origin", str(remote))
    (work / ".dvc").mkdir()
    (work / ".dvc/config").write_text(f"[core]\n    remote = s\n['remote \"s\"']\n    url = {folder / 'storage'}\n")
    with open(work / "model.bin", "wb") as checkpoint:
        for _ in range(size):
            checkpoint.write(os.urandom(1024 * 1024))
    _gitcellar(work, "add", "vit-l/base", "model.bin")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "a checkpoint")
    _gitcellar(work, "register", "vit-l/base", "--push")
    url = remote.as_uri()

    def clear() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()

    commands = {
        "dvc get": [DVC, "get", url, "model.bin", "--rev", "vit-l/base@0.1", "-o", str(target / "a"), "-q"],
        "gitcellar get": [GITCELLAR, "get", "vit-l/base@0.1", "--repo", url, "-o", str(target / "b")],
    }
    measured = measure(commands, folder, runs=runs, before=clear)
    _print_table(f"get of {size} MiB", measured)
    return measured


def print_limits(
    results: dict[int, dict[str, Measured]], gto: dict[int, dict[str, Measured]], got: dict[str, Measured]
) -> None:
    """Each limit that this run could hold, with what it measured."""
    print("\nlimits")
    if 100_000 in results:
        found = results[100_000]
        refs, imports = found["git show-ref -d --tags"].seconds, found["import click, git"].seconds
        _limit("show --plain at 100,000: 8 x show-ref + imports, s", found["show --plain"].seconds, 8 * refs + imports)
        _limit("show --plain at 100,000: memory, MB", found["show --plain"].megabytes, 250)
        _limit("show --json at 100,000: 14 x show-ref + imports, s", found["show --json"].seconds, 14 * refs + imports)
    most = max(results)
    few, many = results[min(results)], results[most]
    _limit(f"resolve at {most:,} / at {min(results)}", many["resolve"].seconds / few["resolve"].seconds, 1.5)
    _limit(f"resolve at {most:,} / imports", many["resolve"].seconds / many["import click, git"].seconds, 2)
    _limit(f"event at {most:,} / at {min(results)}", many["event"].seconds / few["event"].seconds, 1.5)
    _limit(f"event at {most:,} / imports", many["event"].seconds / many["import click, git"].seconds, 2)
    if 10_000 in gto:
        slower = gto[10_000]["gitcellar show"].seconds / gto[10_000]["gto show"].seconds
        _limit("gitcellar show / gto show at 10,000", slower, 1 / 300)
    _limit("gitcellar get / dvc get", got["gitcellar get"].seconds / got["dvc get"].seconds, 1.1)


def print_judging_limits(judged: dict[str, Measured]) -> None:
    """The limits of the hooks, and how the time grows: twice the tags may take twice as long, and a little."""
    _limit("pre-push of one tag at 100,000, s", judged["pre-push of one tag"].seconds, 0.4)
    most, half = judged["pre-receive of 1,000 tags"].seconds, judged["pre-receive of 500 tags"].seconds
    _limit("pre-receive of 1,000 tags, s", most, 3)
    _limit("pre-receive of 1,000 tags / of 500", most / half, 2.2)
    for what in ("versions of one model", "claims on one version"):
        all_of_them, tenth = (judged[f"pre-receive of {count} {what}"] for count in ("10,000", "1,000"))
        _limit(f"pre-receive of 10,000 {what}, s", all_of_them.seconds, 30)
        _limit(f"pre-receive of 10,000 {what}, MB", all_of_them.megabytes, 500)
        _limit(f"pre-receive of 10,000 {what} / of 1,000", all_of_them.seconds / tenth.seconds, 11)
    whole, third = (judged[f"check --all of {n} versions"].seconds for n in ("10,000", "3,000"))
    _limit("check --all of 10,000 versions / of 3,000", whole / third, 10 / 3 * 1.1)


def print_trusting_limits(trusted: dict[str, Measured], signed: int) -> None:
    """The limits of signatures, with nothing remembered from before."""
    beyond = trusted[QUORUM].seconds - trusted[NO_QUORUM].seconds
    _limit("a quorum of two beyond the same command without one, s", beyond, 0.06)
    ratio = trusted[f"verify of {signed:,} signed tags, cold"].seconds / trusted[BARE].seconds
    _limit(f"verify of {signed:,} signed tags / bare ssh-keygen", ratio, 2)


def _limit(what: str, value: float, limit: float) -> None:
    print(f"  {'met' if value <= limit else 'NOT met'}: {what}: {value:.3g}, at most {limit:.3g}")


def _print_table(title: str, measured: dict[str, Measured]) -> None:
    print(f"\n{title}")
    for name, found in measured.items():
        print(f"  {name:<32} {found.seconds:9.3f} s {found.megabytes:8.0f} MB", flush=True)


def _declare(cellar: Path) -> None:
    """A checkpoint that can be registered as the next version of a base model."""
    (cellar / ".dvc").mkdir()
    (cellar / ".dvc/config").write_text("")
    (cellar / "w.bin").write_text("weights")
    _gitcellar(cellar, "add", "rack0/base", "w.bin")
    git(cellar, "add", "-A")
    git(cellar, "commit", "-q", "-m", "weights")


def _gitcellar(folder: Path, *args: str) -> None:
    subprocess.run([GITCELLAR, *args], cwd=folder, check=True, capture_output=True)


def _be_neutral(folder: Path) -> None:
    (folder / "gitconfig").write_text("[user]\nname = A\nemail = a@example.com\n")
    os.environ.update(HOME=str(folder), GIT_CONFIG_GLOBAL=str(folder / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")
    os.environ.update(GIT_COMMITTER_NAME="A", GIT_COMMITTER_EMAIL="a@example.com", DVC_NO_ANALYTICS="1")


if __name__ == "__main__":
    main()
