"""A whole life of a cellar against a dictionary, with an attacker who may write any ref of the remote.

What is allowed the dictionary knows by itself; no name changes its object, production moves by legal steps alone, and
`verify` names whatever the attacker did.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gitcellar.cellar import writing
from gitcellar.cellar.claiming import claim, decide
from gitcellar.cellar.fetching import fetch_all
from gitcellar.cellar.proving import Proof, verify
from gitcellar.cellar.reading import open_source, read_state
from gitcellar.cellar.recalling import recall
from gitcellar.cellar.writing import Options
from gitcellar.core.claims import Statement
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference
from gitcellar.core.versions import parse_version
from gitcellar.policy.judge import RefusedError
from tests.support.cellars import Bench, make_bench
from tests.support.people import public_key, sign_as, write_policy
from tests.support.processes import git, run

BASE, TUNED = ModelName("vit-l/base"), ModelName("vit-l/a")
TRAINED = 4
TUNINGS = ["1.0.1", "1.0.2", "1.1.1"]  # in the order of their commits, each named for the base that it came from
STAGES = {"staging": {"none", "production", "archived"}, "production": {"staging", "archived"}}
POLICY = """\
signed: required
stages:
  staging: {{from: [none, production, archived]}}
  production: {{from: [staging, archived], approvals: {{count: 1, roles: {{qa: 1}}}}}}
  archived: {{from: [staging, production]}}
people:
  dee@example.com: {{keys: [{dee}]}}
  ada@example.com: {{roles: [qa], keys: [{ada}]}}
"""


@cache
def seed() -> Bench:
    """A cellar whose commits declare versions that nobody has registered yet."""
    bench = make_bench(Path(tempfile.mkdtemp(prefix="machine-")) / "cellar", policy="")
    write_policy(bench, POLICY.format(dee=public_key(bench, "dee"), ada=public_key(bench, "ada0")))
    for number in range(TRAINED):
        bench.declare("vit-l/base", f"base {number}")
        bench.git("tag", f"trained{number}")
    for number, version in enumerate(TUNINGS):
        bench.declare("vit-l/a", f"tuned {number}", base=f"vit-l/base@{version[:3]}")
        bench.git("tag", f"tuned{number}")
    bench.git("push", "-q", "origin", "main")
    return bench


class Life(RuleBasedStateMachine):
    """One clone with a remote, and what should be so."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.bench = Bench(self.folder / "cellar")
        shutil.copytree(seed().folder, self.bench.folder, symlinks=True)
        self.bench.git("remote", "set-url", "origin", str(self.bench.remote))
        self.keys = 0
        self.versions: list[str] = []
        self.withdrawn: set[str] = set()
        self.last: dict[str, str] = {}
        self.holds: dict[str, str] = {}
        self.moment = 0
        self.counter = 0
        self.approved: dict[str, int] = {}
        self.objects: dict[str, str] = {}
        self.staged: list[str] = []
        self.tuned: list[str] = []
        self.tuned_withdrawn: set[str] = set()
        self.tuned_staging: str | None = None
        self.tuned_counter = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # What somebody does

    def act(self, who: str, allowed: bool, do: Callable[[], object]) -> bool:
        """Do it, as somebody; it must be allowed or refused as the dictionary says."""
        sign_as(self.bench, who)
        try:
            do()
        except RefusedError:
            assert not allowed
            return False
        assert allowed
        return True

    def version(self, number: int) -> str:
        return self.versions[number % len(self.versions)]

    def reference(self, version: str) -> Reference:
        return Reference(BASE, version=parse_version(version))

    @precondition(lambda self: len(self.versions) < TRAINED)
    @rule()
    def register(self) -> None:
        number = len(self.versions)
        version = parse_version(f"1.{number}")

        def do() -> None:
            writing.register(
                self.bench.repository, BASE, revision=f"trained{number}", version=version, options=Options(push=True)
            )

        self.act("dee", allowed=True, do=do)
        self.versions.append(str(version))

    @precondition(lambda self: self.versions)
    @rule(number=st.integers(0, TRAINED), stage=st.sampled_from(sorted(STAGES)))
    def assign(self, number: int, stage: str) -> None:
        version = self.version(number)
        if self.holds.get(stage) == version:
            return
        legal = self.may_enter(version, stage)
        if stage == "production":
            legal = legal and self.approved.get(version) == self.moment

        def do() -> None:
            writing.assign(self.bench.repository, self.reference(version), stage, options=Options(push=True))

        if self.act("dee", allowed=legal, do=do):
            self.enter(version, stage)

    def may_enter(self, version: str, stage: str) -> bool:
        """Whether the life of a version allows it."""
        held = {name for name, holds in self.holds.items() if holds == version}
        comes_from = {self.last.get(version, "none")} | held
        return bool(comes_from & (STAGES[stage] | {stage})) and version not in self.withdrawn

    @precondition(lambda self: len(self.staged) > 1)
    @rule()
    def roll_back(self) -> None:
        before: list[str] = []
        for version in self.staged:
            # Who comes back takes away what came after it.
            before = before[: before.index(version) + 1] if version in before else [*before, version]
        now = self.holds.get("staging")
        standing = [version for version in before if version != now and version not in self.withdrawn]
        if not standing:
            return

        def do() -> None:
            writing.rollback(self.bench.repository, BASE, "staging", options=Options(push=True))

        if self.act("dee", allowed=self.may_enter(standing[-1], "staging"), do=do):
            self.enter(standing[-1], "staging")

    def enter(self, version: str, stage: str) -> None:
        """The version is in the stage; what was there is archived by that alone."""
        self.staged += [version] if stage == "staging" else []
        displaced = self.holds.get(stage)
        self.holds[stage], self.last[version] = version, stage
        self.counter += 1
        self.moment = self.counter if stage == "production" else self.moment
        if displaced is not None and displaced not in self.holds.values():
            self.last[displaced] = "archived"

    @precondition(lambda self: self.versions)
    @rule(number=st.integers(0, TRAINED))
    def approve(self, number: int) -> None:
        version = self.version(number)

        def do() -> None:
            decide(self.bench.repository, self.reference(version), "approved", "production", options=Options(push=True))

        if self.approved.get(version) != self.moment:
            self.act(f"ada{self.keys}", allowed=True, do=do)
            self.approved[version] = self.moment
            self.counter += 1

    @precondition(lambda self: self.versions)
    @rule(number=st.integers(0, TRAINED))
    def measure(self, number: int) -> None:
        statement = Statement(metrics={"accuracy": float(self.counter)})

        def do() -> None:
            claim(
                self.bench.repository, self.reference(self.version(number)), "evaluated.again", statement,
                options=Options(push=True),
            )  # fmt: skip

        self.act("dee", allowed=True, do=do)
        self.counter += 1

    @precondition(lambda self: len(self.versions) > 1)
    @rule(number=st.integers(0, TRAINED))
    def withdraw(self, number: int) -> None:
        version = self.version(number)

        def do() -> None:
            writing.withdraw(self.bench.repository, self.reference(version), options=Options(push=True))

        self.act("dee", allowed=True, do=do)
        self.counter += version not in self.withdrawn
        self.withdrawn.add(version)

    # What comes from a base, and goes with it

    @precondition(lambda self: len(self.tuned) < len(TUNINGS) and TUNINGS[len(self.tuned)][:3] in self.versions)
    @rule()
    def tune(self) -> None:
        number = len(self.tuned)
        version = TUNINGS[number]

        def do() -> None:
            writing.register(
                self.bench.repository, TUNED, revision=f"tuned{number}", version=parse_version(version),
                options=Options(push=True),
            )  # fmt: skip

        if self.act("dee", allowed=version[:3] not in self.withdrawn, do=do):
            self.tuned.append(version)

    @precondition(lambda self: self.tuned)
    @rule(number=st.integers(0, len(TUNINGS)))
    def stage_tuned(self, number: int) -> None:
        version = self.tuned[number % len(self.tuned)]
        if self.tuned_staging == version:
            return
        stands = version not in self.tuned_withdrawn and version[:3] not in self.withdrawn

        def do() -> None:
            reference = Reference(TUNED, version=parse_version(version))
            writing.assign(self.bench.repository, reference, "staging", options=Options(push=True))

        if self.act("dee", allowed=stands, do=do):
            self.tuned_staging = version
            self.tuned_counter += 1

    @precondition(lambda self: self.tuned)
    @rule(number=st.integers(0, 1), cascade=st.booleans())
    def recall(self, number: int, cascade: bool) -> None:
        version = self.version(number)
        came = [tuned for tuned in self.tuned if tuned[:3] == version]

        def do() -> None:
            found = recall(
                self.bench.repository, self.reference(version), cascade=cascade,
                options=Options(push=True, message="Poisoned."),
            )  # fmt: skip
            assert {str(each.version.version) for each in found.affected} == set(came)

        self.act("dee", allowed=True, do=do)
        self.counter += version not in self.withdrawn
        self.withdrawn.add(version)
        if cascade:
            self.tuned_counter += len(set(came) - self.tuned_withdrawn)
            self.tuned_withdrawn |= set(came)

    @rule()
    def rotate_key(self) -> None:
        old = public_key(self.bench, f"ada{self.keys}")
        self.keys += 1
        new = public_key(self.bench, f"ada{self.keys}")
        policy = (self.bench.work / "gitcellar.yaml").read_text()
        write_policy(self.bench, policy.replace(f"keys: [{old}", f"keys: [{new}, {old}"))

    @rule()
    def fetch_and_collect(self) -> None:
        fetch_all(self.bench.repository, "origin", [])
        for repository in (self.bench.work, self.bench.remote):
            git(repository, "gc", "-q", "--prune=now")

    # What an attacker does: every time undone again, for life to go on

    @precondition(lambda self: self.objects)
    @rule(number=st.integers(0, 1000), how=st.sampled_from(["move", "delete", "replay", "rewind", "unsign"]))
    def attack(self, number: int, how: str) -> None:
        names = sorted(self.objects)
        name = names[number % len(names)]
        before = git(
            self.bench.remote, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", "refs/gitcellar"
        )
        named = getattr(self, f"_{how}")(name)
        proof = self.verified()
        assert not proof.ok, how
        assert named is None or named in {suspicion.tag for _, suspicion in proof.suspicions}, (how, proof.suspicions)
        there = git(
            self.bench.remote, "for-each-ref", "--format=%(refname)", "refs/tags", "refs/gitcellar"
        ).splitlines()
        lines = [f"delete {ref}" for ref in there]
        run(self.bench.remote, "git", "update-ref", "--stdin", stdin="\n".join([*lines, ""]))
        lines = [f"create {ref} {object_id}" for object_id, ref in (line.split(" ") for line in before.splitlines())]
        assert run(self.bench.remote, "git", "update-ref", "--stdin", stdin="\n".join([*lines, ""])).status == 0

    def _point(self, name: str, object_id: str) -> None:
        git(self.bench.remote, "update-ref", f"refs/tags/{name}", object_id)

    def _move(self, name: str) -> str:
        content = git(self.bench.remote, "cat-file", "tag", f"refs/tags/{name}")
        made = run(
            self.bench.remote, "git", "mktag", stdin=content.replace("Cellar-Format: 1", "Cellar-Format: 1 ") + "\n"
        )
        self._point(name, made.out.strip())
        return name

    def _delete(self, name: str) -> str:
        git(self.bench.remote, "update-ref", "-d", f"refs/tags/{name}")
        return name

    def _replay(self, name: str) -> str:
        other = f"vit-l/base#staging#{self.counter + 1}"
        self._point(other, self.objects[name])
        return other

    def _rewind(self, name: str) -> None:
        """Take the newest event away, with the tip put back to the one before: only who fetched it can know."""
        tip = git(self.bench.remote, "rev-parse", "refs/gitcellar/vit-l/base@tip")
        newest = next(known for known, object_id in self.objects.items() if object_id == tip)
        message = git(self.bench.remote, "cat-file", "tag", tip)
        git(self.bench.remote, "update-ref", "-d", f"refs/tags/{newest}")
        if "Previous: " in message:
            previous = message.partition("Previous: ")[2].split()[0]
            git(self.bench.remote, "update-ref", "refs/gitcellar/vit-l/base@tip", previous)

    def _unsign(self, name: str) -> str:
        """A new promotion that nobody signed or approved, as from who has the server and no key."""
        other = f"vit-l/base#production#{self.counter + 1}"
        commit = git(self.bench.remote, "rev-parse", "refs/tags/vit-l/base@1.0^{commit}")
        nobody = ("-c", "user.name=M", "-c", "user.email=m@example.com")
        git(self.bench.remote, *nobody, "tag", "-a", "-m", "x", other, commit)
        return other

    def verified(self) -> Proof:
        # By its URL: what the clone has does not count, but the tip that it remembers.
        self.bench.git("remote", "set-url", "origin", self.bench.url)
        return verify(open_source(self.bench.url), clone=self.bench.repository)

    # What is always so

    @invariant()
    def names_never_change_their_objects(self) -> None:
        if not hasattr(self, "bench"):
            return
        lines = git(self.bench.remote, "for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags/vit-l")
        now = {name: object_id for object_id, name in (line.split(" ") for line in lines.splitlines())}
        assert {name: now.get(name) for name in self.objects} == self.objects
        self.objects = now

    @invariant()
    def the_state_is_that_of_the_dictionary(self) -> None:
        if not hasattr(self, "bench") or not self.versions:
            return
        state = read_state(open_source(self.bench.remote), BASE)
        assert {str(version) for version in state.registrations} == set(self.versions)
        assert {str(version) for version in state.withdrawn} == self.withdrawn
        assert {stage: str(held.version) for stage, held in state.stages.items()} == self.holds
        assert state.next_counter == self.counter + 1
        assert not state.anomalies

    @invariant()
    def what_was_tuned_is_that_of_the_dictionary(self) -> None:
        if not getattr(self, "tuned", None):
            return
        state = read_state(open_source(self.bench.remote), TUNED)
        assert {str(version) for version in state.registrations} == set(self.tuned)
        assert {str(version) for version in state.withdrawn} == self.tuned_withdrawn
        staged = state.stages.get("staging")
        assert (str(staged.version) if staged else None) == self.tuned_staging
        assert state.next_counter == self.tuned_counter + 1
        assert not state.anomalies

    @precondition(lambda self: bool(getattr(self, "objects", None)))
    @invariant()
    def nothing_is_suspicious(self) -> None:
        proof = self.verified()
        assert proof.ok, proof.suspicions


TestLife = Life.TestCase
FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
TestLife.settings = settings(
    max_examples=100 if FUZZ else 4,
    stateful_step_count=25 if FUZZ else 12,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink] if FUZZ else [Phase.generate],
)
