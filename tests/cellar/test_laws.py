"""The two laws of the doors, against an attacker who has plain git and one person's key.

What the server takes, `verify` of a fresh clone accepts, now and after every honest act that follows. What the command
line writes, the server takes. And nothing that the server takes keeps an honest person from acting. The server is its
judge: pushes by hand are handed to it before any ref moves, and those of the command line, which the remote's hook writes
down, right after.

With `HYPOTHESIS_PROFILE=fuzz` the machine runs longer, and has to notice each rule that is taken out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gitcellar.cellar import writing
from gitcellar.cellar.claiming import claim, decide
from gitcellar.cellar.hooks import judge_pre_receive
from gitcellar.cellar.proving import verify
from gitcellar.cellar.reading import open_source, read_state
from gitcellar.cellar.writing import Options
from gitcellar.core.claims import Statement
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.core.pushes import PushedRef, parse_pre_receive
from gitcellar.core.references import Reference
from gitcellar.core.state import ModelState
from gitcellar.core.versions import Version
from gitcellar.policy import judge
from gitcellar.policy.judge import RefusedError, severity_of
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench, make_bench
from tests.support.people import key_of, public_key, sign_as, write_policy
from tests.support.processes import run

BASE, TUNED = ModelName("vit-l/base"), ModelName("vit-l/a")
TRAINED = 4
TUNINGS = ["0.1", "0.1", "0.2"]  # the base of each commit that trains the project model
STAGES = """\
stages:
  staging: {{from: [none, production, archived]}}
  production:
    from: [staging, archived]
    exclusive: true{asks}
  archived: {{from: [staging, production]}}
people:
  dee@example.com: {{keys: [{dee}]}}
  ada@example.com: {{roles: [qa], keys: [{{key: {ada}, until: 2030-12-31}}]}}
"""
POLICIES = {
    "open": ("", ""),
    "signed": ("signed: required\n", "\n    approvals: {count: 1, roles: {qa: 1}}"),
    "chained": ("chained: required\n", ""),
    "aged": ("", "\n    gates: [{age_at_least: 1m in staging}]"),
    "loose": ("coordination: off\n", ""),
}
# The remote takes every push of the command line and writes down what git says of it.
RECORDER = '#!/bin/sh\ncat >> "$GIT_DIR/received"\necho >> "$GIT_DIR/received"\n'


@cache
def seed(policy: str, *, stocked: bool = False) -> Bench:
    """A cellar whose commits declare versions; stocked, the first one of each model is registered."""
    bench = make_bench(Path(tempfile.mkdtemp(prefix="laws-")) / "cellar", policy="")
    head, asks = POLICIES[policy]
    keys = {"dee": public_key(bench, "dee"), "ada": public_key(bench, "ada")}
    write_policy(bench, head + STAGES.format(asks=asks, **keys))
    key_of(bench, "mallory")
    for number in range(TRAINED):
        bench.declare(BASE.text, f"base {number}")
        bench.git("tag", f"trained{number}")
    for number, base in enumerate(TUNINGS):
        bench.declare(TUNED.text, f"tuned {number}", base=f"{BASE}@{base}")
        bench.git("tag", f"tuned{number}")
    bench.git("push", "-q", "origin", "main", "--tags")
    if stocked:
        sign_as(bench, "dee")
        for model, revision in ((BASE, "trained0"), (TUNED, "tuned0")):
            writing.register(bench.repository, model, revision=revision, options=Options(push=True))
    (bench.remote / "hooks/pre-receive").write_text(RECORDER)
    (bench.remote / "hooks/pre-receive").chmod(0o755)
    return bench


# What a forged tag states, right or wrong, by the model's versions and its next counter.
NAMES = {
    "next": "@{following}",
    "gap": "@{gap}",
    "again": "@{plain}",
    "respelled": "{respelled}",
    "stage": "#staging#{counter}",
    "live": "#production#{counter}",
    "put away": "#archived#{counter}",
    "out": "#production!#{counter}",
    "withdrawn": "@{plain}!#{counter}",
    "deprecated": "@deprecated#{counter}",
    "approved": "@{plain}=approved.production#{counter}",
    "evaluated": "@{plain}=evaluated.again#{counter}",
    "bypassed": "@{plain}=bypassed.production#{counter}",
    "uncounted": "#staging",
    "ahead": "#staging#{ahead}",
}


@dataclass(frozen=True)
class Forgery:
    """A tag that an attacker makes by hand: each field is one thing that may be right or wrong."""

    model: ModelName
    name: str
    target: str
    said: str
    follows: str
    base: str
    signed: str
    dated: int
    tip: str


FIELDS: dict[str, list[str | int]] = {
    "target": ["version", "trained", "elsewhere", "tree", "tag"],
    "said": ["nothing", "truth", "model", "version", "stage"],
    "follows": ["nothing", "tip", "older", "nowhere", "foreign"],
    "base": ["none", "right", "wrong"],
    "signed": ["no", "dee", "mallory", "garbage", "other", "appended"],
    "dated": [0, -5 * 86400, 5 * 86400, 2_000_000_000, -60, 60],
    "tip": ["moved", "left", "older", "gone", "foreign"],
}


def sound(model: ModelName, name: str) -> Forgery:
    """The tag as gitcellar would write it, signed by dee."""
    registers = name in ("next", "gap", "again", "respelled")
    is_claim = name in ("approved", "evaluated", "bypassed")
    target = "trained" if registers else "tag" if is_claim else "version"
    base = "right" if registers and model == TUNED else "none"
    return Forgery(model, name, target, "truth", "tip", base, "dee", 0, "moved")


@st.composite
def forge(draw: st.DrawFn) -> Forgery:
    """A tag that is sound but for two things at most: one that is wrong in all of them is refused for the first."""
    made = sound(draw(st.sampled_from([BASE, TUNED])), draw(st.sampled_from(sorted(NAMES))))
    spoiled = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=2, unique=True))
    for field in spoiled:
        made = spoil(made, field, draw(st.sampled_from(FIELDS[field])))
    return made


def spoil(made: Forgery, field: str, value: str | int) -> Forgery:
    return Forgery(**{**vars(made), field: value})


class Laws(RuleBasedStateMachine):
    """A remote, a clone of an honest team, and an attacker who writes objects where a push would bring them."""

    @initialize(policy=st.sampled_from(sorted(POLICIES)), stocked=st.booleans())
    def begin(self, policy: str, *, stocked: bool) -> None:
        self.policy = policy
        self.claims = 0
        self.folder = Path(tempfile.mkdtemp(prefix="laws-"))
        self.bench = Bench(self.folder / "cellar")
        shutil.copytree(seed(policy, stocked=stocked).folder, self.bench.folder, symlinks=True)
        self.bench.git("remote", "set-url", "origin", str(self.bench.remote))
        self.server = GitRepository(self.bench.remote)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # What the command line writes, the server takes

    def act(self, who: str, do: Callable[[Options], object]) -> None:
        """Act with `--push`, as somebody. What the command line itself refuses was never written."""
        received = self.bench.remote / "received"
        received.unlink(missing_ok=True)
        sign_as(self.bench, who)
        try:
            do(Options(push=True))
        except (RefusedError, NotFoundError, InvalidError) as error:
            note(f"{who}: {error}")
        for lines in received.read_text().split("\n\n") if received.exists() else ():
            if lines:
                verdict = judge_pre_receive(self.server, parse_pre_receive(f"{lines}\n".encode()))
                assert verdict.ok, [str(violation) for violation in verdict.violations]

    def state(self, model: ModelName) -> ModelState:
        return read_state(open_source(self.bench.remote), model)

    def some_version(self, model: ModelName, number: int) -> Version | None:
        known = sorted(self.state(model).registrations)
        return known[number % len(known)] if known else None

    @rule(model=st.sampled_from([BASE, TUNED]))
    def register(self, model: ModelName) -> None:
        kind, most = ("trained", TRAINED) if model == BASE else ("tuned", len(TUNINGS))
        taken = set(self.state(model).at_commit)
        free = [f"{kind}{n}" for n in range(most) if self.bench.git("rev-parse", f"{kind}{n}^{{}}") not in taken]
        if free:
            self.act("dee", lambda options: writing.register(
                self.bench.repository, model, revision=free[0], options=options
            ))  # fmt: skip

    @rule(
        model=st.sampled_from([BASE, TUNED]),
        number=st.integers(0, 5),
        stage=st.sampled_from(["staging", "production", "archived"]),
    )
    def assign(self, model: ModelName, number: int, stage: str) -> None:
        version = self.some_version(model, number)
        if version is not None:
            reference = Reference(model, version=version)
            self.act("dee", lambda options: writing.assign(self.bench.repository, reference, stage, options=options))

    @rule(model=st.sampled_from([BASE, TUNED]), stage=st.sampled_from(["staging", "production"]))
    def unassign(self, model: ModelName, stage: str) -> None:
        self.act("dee", lambda options: writing.unassign(self.bench.repository, model, stage, options=options))

    @rule(model=st.sampled_from([BASE, TUNED]), stage=st.sampled_from(["staging", "production"]))
    def roll_back(self, model: ModelName, stage: str) -> None:
        self.act("dee", lambda options: writing.rollback(self.bench.repository, model, stage, options=options))

    @rule(model=st.sampled_from([BASE, TUNED]), number=st.integers(0, 5), who=st.sampled_from(["ada", "dee"]))
    def approve(self, model: ModelName, number: int, who: str) -> None:
        version = self.some_version(model, number)
        if version is not None:
            reference = Reference(model, version=version)
            self.act(who, lambda options: decide(
                self.bench.repository, reference, "approved", "production", options=options
            ))  # fmt: skip

    @rule(model=st.sampled_from([BASE, TUNED]), number=st.integers(0, 5))
    def measure(self, model: ModelName, number: int) -> None:
        version = self.some_version(model, number)
        if version is not None:
            self.evaluate(model, version, "dee")

    def evaluate(self, model: ModelName, version: Version, who: str) -> None:
        self.claims += 1  # the very same claim again would be nothing to do
        said = Statement(metrics={"accuracy": float(self.claims)})
        self.act(who, lambda options: claim(
            self.bench.repository, Reference(model, version=version), "evaluated.again", said, options=options
        ))  # fmt: skip

    @rule(model=st.sampled_from([BASE, TUNED]), number=st.integers(0, 5))
    def withdraw(self, model: ModelName, number: int) -> None:
        version = self.some_version(model, number)
        if version is not None:
            reference = Reference(model, version=version)
            self.act("dee", lambda options: writing.withdraw(self.bench.repository, reference, options=options))

    # What an attacker pushes

    @rule(pushes=st.lists(st.lists(forge(), min_size=1, max_size=2), min_size=3, max_size=8))
    def push_by_hand(self, pushes: list[list[Forgery]]) -> None:
        """Push forged tags, with a tip or without; where some land, an honest person acts on their models."""
        landed = {forgery.model for forgeries in pushes if self.land(forgeries) for forgery in forgeries}
        for model in sorted(landed):
            self.say_something(model)

    def say_something(self, model: ModelName) -> None:
        """What nothing that the server took may prevent: ada claims something about a version, and it arrives."""
        version = self.some_version(model, 0)
        if version is not None:
            before = self.state(model).next_counter
            self.evaluate(model, version, "ada")
            assert self.state(model).next_counter > before, f"ada cannot act on {model} any more"

    def land(self, forgeries: list[Forgery]) -> bool:
        """Offer forged tags to the server; what its judge allows lands, and only that."""
        pushed: dict[str, PushedRef] = {}
        for forgery in forgeries:
            name = self.name(forgery)
            old = self.find(f"refs/tags/{name}")
            made = self.make(forgery, name)
            if made is not None:
                pushed[f"refs/tags/{name}"] = PushedRef(f"refs/tags/{name}", old, made)
                pushed |= self.move_tip(forgery, made)
        verdict = judge_pre_receive(self.server, list(pushed.values()))
        note(f"{'taken' if verdict.ok else 'refused'}: {list(pushed)} {[str(v) for v in verdict.violations]}")
        if verdict.ok and pushed:
            lines = [
                f"update {p.ref} {p.new}" if p.new else f"delete {p.ref}" for p in pushed.values() if p.old != p.new
            ]
            assert run(self.bench.remote, "git", "update-ref", "--stdin", stdin="\n".join([*lines, ""])).status == 0
        return verdict.ok and bool(pushed)

    def find(self, ref: str) -> str | None:
        return self.server.find_refs([ref]).get(ref)

    def name(self, forgery: Forgery) -> str:
        state, model = self.state(forgery.model), forgery.model.text
        last = max(state.registrations, default=None)
        x, y, z = last.triple if last else (0, 1, 0)
        plain = f"{x}.{y}" if forgery.model == BASE else f"{x}.{y}.{z}"
        following = f"{x}.{y + bool(last)}" if forgery.model == BASE else f"{x}.{y}.{z + 1}"
        counter = state.next_counter
        spelled = f"@{x}.{y}.{z}" if forgery.model == BASE else f"@v{plain}"
        values = {"plain": plain, "following": following, "gap": f"{x}.{y + 5}", "respelled": spelled}
        return model + NAMES[forgery.name].format(**values, counter=counter, ahead=counter + 7)

    def make(self, forgery: Forgery, name: str) -> str | None:
        """Store the tag object where a push would bring it; None for a target that there is not yet."""
        state = self.state(forgery.model)
        last = max(state.registrations, default=None)
        registered = state.registrations.get(last) if last else None
        kind = "trained0" if forgery.model == BASE else "tuned0"
        free = [f"{kind[:-1]}{n}" for n in range(3)]
        commits = [self.bench.git("rev-parse", f"{each}^{{}}") for each in free]
        fresh = next((commit for commit in commits if commit not in state.at_commit), commits[0])
        target = {
            "version": (registered.commit if registered else None, "commit"),
            "trained": (fresh, "commit"),
            "elsewhere": (self.bench.git("rev-parse", "main"), "commit"),
            "tree": (self.bench.git("rev-parse", "main^{tree}"), "tree"),
            "tag": (registered.object_id if registered else None, "tag"),
        }[forgery.target]
        if target[0] is None:
            return None
        at = max(0, int(time.time()) + forgery.dated)
        head = (
            f"object {target[0]}\ntype {target[1]}\ntag {name}\ntagger Mal <mal@example.com> {at} +0000\n\nA forgery\n"
        )
        content = self.sign(forgery, head + self.trailers(forgery, last))
        words = ("git", "hash-object", "-t", "tag", "-w", "--literally", "--stdin")
        return run(self.bench.remote, *words, stdin=content).out.strip()

    def trailers(self, forgery: Forgery, last: Version | None) -> str:
        said = {
            "nothing": {},
            "truth": {"Cellar-Format": "1", "Model": forgery.model.text},
            "model": {"Cellar-Format": "1", "Model": "other/base"},
            "version": {"Cellar-Format": "1", "Model": forgery.model.text, "Version": "9.9"},
            "stage": {"Cellar-Format": "1", "Model": forgery.model.text, "Stage": "nowhere"},
        }[forgery.said]
        if forgery.base != "none":
            event = self.state(BASE).registrations.get(Version((0, 1)))
            object_id = event.object_id if event and forgery.base == "right" else "5e" * 20
            said = said | {"Base": f"{BASE}@0.1 {object_id}"}
        follows = self.follow(forgery)
        said = said | ({"Previous": follows} if follows else {})
        return "\n" + "".join(f"{key}: {value}\n" for key, value in said.items()) if said else ""

    def follow(self, forgery: Forgery) -> str | None:
        events = self.state(forgery.model).events
        other = self.state(TUNED if forgery.model == BASE else BASE).events
        return {
            "nothing": None,
            "tip": self.find(f"refs/gitcellar/{forgery.model}@tip"),
            "older": events[0].object_id if events else None,
            "nowhere": "ab" * 20,
            "foreign": other[-1].object_id if other else None,
        }[forgery.follows]

    def sign(self, forgery: Forgery, content: str) -> str:
        if forgery.signed == "no":
            return content
        if forgery.signed == "garbage":
            return f"{content}-----BEGIN SSH SIGNATURE-----\nZm9yZ2Vk\n-----END SSH SIGNATURE-----\n"
        who = "mallory" if forgery.signed == "mallory" else "dee"
        signed = content.replace("forgery", "truth") if forgery.signed == "other" else content
        words = ("ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(key_of(seed(self.policy), who)))
        armor = run(self.bench.work, *words, stdin=signed).out
        return content + armor + ("more\n" if forgery.signed == "appended" else "")

    def move_tip(self, forgery: Forgery, made: str) -> dict[str, PushedRef]:
        ref = f"refs/gitcellar/{forgery.model}@tip"
        old = self.find(ref)
        events = self.state(forgery.model).events
        other = self.find(f"refs/gitcellar/{TUNED if forgery.model == BASE else BASE}@tip")
        new = {
            "moved": made,
            "left": old,
            "older": events[0].object_id if events else old,
            "gone": None,
            "foreign": other or old,
        }[forgery.tip]
        return {} if new == old else {ref: PushedRef(ref, old, new)}

    # What the server takes, verify accepts

    @invariant()
    def a_fresh_clone_finds_nothing_rewritten(self) -> None:
        if hasattr(self, "bench") and self.server.list_ref_ids("refs/gitcellar/", "refs/tags/vit-l/"):
            proof = verify(open_source(self.bench.url))
            assert proof.ok, [found for found in proof.suspicions if found[1].grave]


FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
TestLaws = Laws.TestCase
TestLaws.settings = settings(
    max_examples=500 if FUZZ else 6,
    stateful_step_count=25 if FUZZ else 12,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink] if FUZZ else [Phase.generate],
)


@pytest.mark.skipif(not FUZZ, reason="make fuzz: it takes minutes")
@pytest.mark.parametrize("taken_out", ["V013", "V014", "V016", "A009"])
def test_the_laws_notice_a_rule_that_is_taken_out(taken_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        judge, "severity_of", lambda rule, rules: "off" if rule.id == taken_out else severity_of(rule, rules)
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Laws,
            settings=settings(TestLaws.settings, max_examples=300, phases=[Phase.generate], report_multiple_bugs=False),
        )


def test_an_event_that_follows_the_tip_without_moving_it_forks_no_honest_act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cellar.test_laws.note", lambda text: None)
    life = Laws()
    life.begin("open", stocked=True)
    life.push_by_hand([[replace(sound(BASE, "stage"), said="nothing", signed="no", tip="left")]])
    life.a_fresh_clone_finds_nothing_rewritten()
    life.teardown()


def test_without_coordination_a_tip_that_another_person_pushed_forks_no_honest_act(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.cellar.test_laws.note", lambda text: None)
    life = Laws()
    life.begin("loose", stocked=True)
    life.push_by_hand([[sound(BASE, "withdrawn")]])
    life.register(BASE)
    life.a_fresh_clone_finds_nothing_rewritten()
    life.teardown()
