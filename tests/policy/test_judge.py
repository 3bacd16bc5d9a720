"""Every rule has rows that pass and rows that are refused."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.claims import Claim, Statement
from gitcellar.core.days import Day
from gitcellar.core.digests import Digest
from gitcellar.core.errors import InvalidError
from gitcellar.core.events import Assigned, Claimed, Registered, Unassigned, Withdrawn
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.proof import Suspicion
from gitcellar.core.state import ModelState, fold_events
from gitcellar.core.tags import parse_listing
from gitcellar.core.versions import Version, VersionOrder, parse_version
from gitcellar.policy.approvals import Attested
from gitcellar.policy.change import (
    NOT_READ,
    Act,
    Arrival,
    BranchStep,
    Change,
    Declaration,
    ProposedHistory,
    ProposedRef,
    ProposedTag,
    PushSize,
    TipStep,
    Tracked,
    WrittenTag,
)
from gitcellar.policy.judge import RULES, Verdict, judge
from gitcellar.policy.people import NOBODY, People, Person, Signer
from gitcellar.policy.schemes import CellarScheme, SemVerScheme
from gitcellar.policy.settings import (
    Aged,
    Approvals,
    BreakGlass,
    ComingBack,
    FileRules,
    Freeze,
    ModelRules,
    RuleException,
    StageRules,
)

SEMVER = ModelRules(scheme="semver")
DEFAULT = ModelRules()
HERE = "f" * 40
TODAY = Day("2026-11-21")


def declares(model: str, *, rules: ModelRules = DEFAULT, **entry: Any) -> Declaration:
    """What a commit says of a model: an entry of those fields."""
    return Declaration(ModelName(model), rules, HERE[:7], Entry.model_validate({"path": "m"} | entry), line=3)


Judged = Act | ProposedRef | ProposedHistory | PushSize | Declaration


def verdict_of(judged: Judged, day: Day = TODAY) -> Verdict:
    if isinstance(judged, Act):
        return judge(Change(day, acts=(judged,)))
    if isinstance(judged, ProposedHistory):
        return judge(Change(day, histories=(judged,)))
    if isinstance(judged, PushSize):
        return judge(Change(day, size=judged))
    if isinstance(judged, ProposedRef):
        return judge(Change(day, refs=(judged,)))
    return judge(Change(day, declarations=(judged,)))


def state_of(model: str, *tags: str) -> ModelState:
    """A state in which each tag of a version stands at a commit of its own, numbered; other tags at the first one's."""
    listing = ""
    for number, name in enumerate(tags):
        commit = number if re.fullmatch(r"@[0-9][^!=]*", name) else 0
        listing += f"{'0' * 40} refs/tags/{model}{name}\n{commit:040d} refs/tags/{model}{name}^{{}}\n"
    return fold_events(ModelName(model), parse_listing(listing).get(ModelName(model), ()))


def registration(model: str, version: str, *registered: str, rules: ModelRules = DEFAULT, at: str = HERE) -> Act:
    state = state_of(model, *(f"@{tag}" for tag in registered))
    return Act(
        ModelName(model), (ProposedTag(state.name, Registered(parse_version(version)), at),), state, rules, day=TODAY
    )


def project(
    version: str, *registered: str, base: str | None = "vit-l/base@1.2", bases: tuple[str, ...] = ("@1.2",)
) -> Act:
    """The registration of a project model whose rack has `bases`, and whose manifest names `base`."""
    change = registration("vit-l/projectA", version, *registered)
    return replace(change, base=state_of("vit-l/base", *bases), declared=declares("vit-l/projectA", base=base))


def assignment(stage: str, *tags: str, at: int = 0, rules: ModelRules = DEFAULT) -> Act:
    state = state_of("vit-l/base", *tags)
    fact = Assigned(stage, state.next_counter)
    return Act(state.name, (ProposedTag(state.name, fact, f"{at:040d}"),), state, rules, day=TODAY)


def trained_from(source: str | None) -> Act:
    declared = declares("vit-l/projectA", base="vit-l/base@1.2", trained_from=source)
    return replace(project("1.2.1"), declared=declared)


def with_checkpoints(version: str, new: str, **earlier: str) -> Act:
    """A registration of the weights `new`, after versions with the given ones."""
    known = {v.replace("_", ".").replace("rc", "-rc"): sha for v, sha in earlier.items()}
    alike = tuple(parse_version(v) for v, sha in known.items() if sha == new)
    return replace(project(version, *known), checkpoint=Digest(new * 64, 1), alike=alike)


def with_checkpoints_withdrawn(version: str, withdrawn: str) -> Act:
    """A registration of the weights of a version that was withdrawn."""
    act = replace(project(version, withdrawn, f"{withdrawn}!#1"), checkpoint=Digest("a" * 64, 1))
    return replace(act, alike=(parse_version(withdrawn),))


def pushed(act: Act, *, kind: str = "tag", field: str | None = None, target: str = "commit") -> Act:
    """The same act as tags that exist already, with something odd about them."""
    tags = tuple(
        replace(t, written=WrittenTag(name, kind, (field or name) if kind == "tag" else None, target))
        for t, name in ((t, act.tag_of(t)) for t in act.tags)
    )
    return replace(act, tags=tags, arrival=Arrival(NOON, NOON, NOON))


def written(act: Act, **said: Any) -> Act:
    """A pushed act whose tags say something else."""
    return replace(act, tags=tuple(replace(t, written=replace(t.written, **said)) for t in act.tags if t.written))


def chained(stands: bool | None) -> Act:
    return written(pushed(registration("vit-l/base", "1.0", rules=ModelRules(chained=True))), chained=stands)


NOON = 1_800_000_000
AGED = ModelRules(stages={"staging": StageRules(), "production": StageRules(gates=(Aged("staging", 86400, "24h"),))})


def arrived(at: int, *, newest: int = NOON - 60, received: int | None = NOON, rules: ModelRules = DEFAULT) -> Act:
    """A pushed entry into staging, dated `at`."""
    return replace(pushed(assignment("staging", "@1.0", rules=rules)), arrival=Arrival(at, newest, received))


def ref(name: str, old: str | None = None, new: str | None = HERE, **known: Any) -> ProposedRef:
    model = ModelName(known.pop("model")) if "model" in known else None
    return ProposedRef(name, old, new, DEFAULT, model, **known)


def tip(named: str | None = "vit-l/base@1.1", *, follows: bool = True, known: bool = True, **more: Any) -> ProposedRef:
    step = TipStep(named, follows, known)
    return ref("refs/gitcellar/vit-l/base@tip", OLD, model="vit-l/base", step=step, **more)


def contract(size: int = 10, **more: Any) -> dict[str, Any]:
    return {"outputs": {"scores": {"dtype": "float32", "shape": ["batch", size]}}, **more}


def promising(version: str, new: object, rules: ModelRules = DEFAULT, **earlier: Any) -> Act:
    """The registration of a base that declares contracts, after others that did."""
    versions = {name.lstrip("v").replace("_", "."): said for name, said in earlier.items()}
    return replace(
        registration("vit-l/base", version, *versions, rules=rules),
        declared=declares("vit-l/base", contract=new),
        earlier={parse_version(v): declares("vit-l/base", contract=said) for v, said in versions.items()},
    )


def event(fact: Any, *tags: str, model: str = "vit-l/base") -> Act:
    state = state_of(model, *tags)
    return Act(state.name, (ProposedTag(state.name, fact, f"{0:040d}"),), state, DEFAULT, day=TODAY)


def frozen(match: str, *stages: str, until: str = "2026-11-30", after: tuple[str, ...] = ()) -> Act:
    rules = ModelRules(freezes=(Freeze(match, stages, "the end of the year", until),))
    return assignment("staging", "@1.0", *after, rules=rules)


PEOPLED = ModelRules(
    stages={
        "staging": StageRules(),
        "production": StageRules(
            by=("release",),
            approvals=Approvals(2, {"qa": 1, "safety": 1}),
            break_glass=BreakGlass(("cy",), 86400),
            comes_back=ComingBack(("ben",), 30 * 86400),
        ),
    },
    people=People(
        {
            "ada": Person(frozenset({"qa"})),
            "ben": Person(frozenset({"safety"})),
            "cy": Person(frozenset({"release"})),
            "dee": Person(),
        }
    ),
)
QUORUM = ModelRules(policy_changes=Approvals(2, {"qa": 1}, ()), people=PEOPLED.people)
PROMOTER_ALONE = replace(PEOPLED, stages={"production": StageRules(approvals=Approvals(1, excluded=("promoter",)))})
SIGNED = ModelRules(signed=True, people=PEOPLED.people)


def attested(name: str, by: str | None, counter: int, **said: Any) -> Attested:
    """A claim on vit-l/base@1.0, whose registration is the object of zeros."""
    kind, _, about = name.partition(".")
    target = said.pop("target", "0" * 40)
    statement = replace(Statement(stage=about, against=0), **said)
    tag = f"vit-l/base@1.0={name}#{counter}"
    one = parse_version("1.0")
    claim = Claim(tag, "", one, kind, about, counter, target, ("vit-l/base", "1.0"), statement, "", 0)
    return Attested(claim, Signer(by) if by else NOBODY)


def claimed(name: str, *tags: str, by: str | None = None, rules: ModelRules = DEFAULT, **said: Any) -> Act:
    state = state_of("vit-l/base", *(tags or ("@1.0",)))
    counter = state.next_counter
    proposed = ProposedTag(state.name, Claimed(Version((1, 0)), name, counter), f"{0:040d}")
    act = Act(state.name, (proposed,), state, rules, day=TODAY)
    return replace(act, claims=(attested(name, by, counter, **said),), author=Signer("dee"))


def promoted(promoter: str, *approvers: str, rules: ModelRules = PEOPLED) -> Act:
    """An assignment to production, by somebody, after the approvals of some people."""
    claims = tuple(attested("approved.production", by, n) for n, by in enumerate(approvers, 1))
    act = assignment("production", "@1.0", rules=rules)
    return replace(act, signer=Signer(promoter), author=Signer("dee"), claims=claims)


def through_glass(promoter: str) -> Act:
    act = assignment("production", "@1.0", "@1.0=bypassed.production#1", rules=PEOPLED)
    return replace(act, signer=Signer(promoter), author=Signer("dee"))


def came_back(promoter: str, left: int) -> Act:
    act = assignment("production", "@1.0", "#production#1", "#production!#2", rules=PEOPLED)
    return replace(act, signer=Signer(promoter), author=Signer("dee"), left=left)


def ratified(*approvers: str) -> Act:
    """The ratification of an assignment by broken glass, after approvals of some people."""
    act = claimed("ratified.production", "@1.0", "@1.0=bypassed.production#1", "#production#2", by="cy", rules=PEOPLED)
    approvals = [attested("approved.production", by, n, against=2) for n, by in enumerate(approvers, 10)]
    return replace(act, claims=(*act.claims, *approvals))


OLD = "e" * 40
FIELDS = ModelRules(required=("owner", "metrics.accuracy"), required_for={"production": ("data", "hardware")})
LOCKED = ModelRules(environment_locked=True)
FOLDER = ModelRules(files=FileRules(("README.md",), ("*.py", "docs/**")))

ALLOWED: dict[str, Judged] = {
    "an event in the chain": chained(True),
    "an event of which nobody knows": chained(None),
    "a date of now": arrived(NOON),
    "the date of the event before": arrived(NOON - 60),
    "a clock that is an hour ahead": arrived(NOON + 3600),
    "a future that only a clone sees": arrived(NOON + 86400, received=None),
    "an old date where no clock starts": arrived(NOON - 5 * 86400, newest=0),
    "an hour on the way": arrived(NOON - 3600, newest=0, rules=AGED),
    "as many tags as the policy allows": PushSize(10, 2**26, ModelRules(max_push=10)),
    "a link to which the tip leads": written(pushed(registration("vit-l/base", "1.0")), follows=HERE, chained=True),
    "a link where there are no tips": written(
        pushed(registration("vit-l/base", "1.0", rules=ModelRules(coordination=False))), follows=HERE, chained=False
    ),
    "other weights": with_checkpoints("1.2.2", "b", **{"1_2_1": "a"}),
    "first base": registration("vit-l/base", "0.1"),
    "first base 0.0": registration("vit-l/base", "0.0"),
    "first base 1.0": registration("vit-l/base", "1.0"),
    "next Y": registration("vit-l/base", "1.3", "1.0", "1.1", "1.2"),
    "next X": registration("vit-l/base", "2.0", "1.0"),
    "an older line goes on": registration("vit-l/base", "1.1", "1.0", "2.0"),
    "a prerelease comes first": registration("vit-l/base", "1.1-rc.1", "1.0"),
    "prereleases rise": registration("vit-l/base", "1.1-rc.2", "1.0", "1.1-rc.1"),
    "the final version at its candidate's commit": registration("vit-l/base", "1.0", "1.0-rc.1", at=f"{0:040d}"),
    "first project": project("1.2.1"),
    "next project": project("1.2.3", "1.2.1", "1.2.2"),
    "another base": project("1.2.1", "1.1.1", "1.1.2"),
    "a base withdrawn beside it": project("1.2.1", bases=("@1.2", "@1.1", "@1.1!#1")),
    "trained from the base": trained_from("vit-l/base@1.2"),
    "trained from words": trained_from("ImageNet-21k weights"),
    "a candidate becomes final with its weights": with_checkpoints("1.2.1", "a", **{"1_2_1rc.1": "a"}),
    "semver with gaps": registration("churn", "3.0.0", "1.0.0", rules=SEMVER),
    "a known stage": assignment("staging", "@1.0"),
    "a team's own stage": assignment("canary", "@1.0", rules=ModelRules(stages={"canary": StageRules()})),
    "a second case-unlike rack": replace(
        registration("vit-l/base", "1.0"), neighbours=("Vit-B/base", "vit-l/projectA")
    ),
    "a name of the pattern": registration("vit-l/base", "1.0", rules=ModelRules(names=("vit-*/*",))),
    "an old name of no pattern": registration("vit-l/base", "1.1", "1.0", rules=ModelRules(names=("bert/*",))),
    "an annotated tag": pushed(registration("vit-l/base", "1.0")),
    "a claim about a version's tag": pushed(claimed("evaluated.fairness"), target="tag"),
    "the first branch": ref("refs/heads/main", branch=BranchStep("refs/heads/main")),
    "the branch with the policy goes forward": replace(
        ref("refs/heads/main", OLD, branch=BranchStep("refs/heads/main", forward=True)), rules=QUORUM
    ),
    "it goes back where nobody is asked": ref("refs/heads/main", OLD, branch=BranchStep("refs/heads/main")),
    "a ref of a clone that is taken away": ref("refs/remotes/origin/main", OLD, None),
    "another policy that two approved": replace(
        ref("refs/heads/main", OLD), rules=QUORUM, policy_approved=("ada", "ben")
    ),
    "the same policy": replace(ref("refs/heads/main", OLD), rules=QUORUM),
    "an approval by one of the people": claimed("approved.production", by="ada", rules=PEOPLED),
    "an approval in a role": claimed("approved.production", by="ada", rules=PEOPLED, role="qa"),
    "broken glass by who may": claimed("bypassed.production", by="cy", rules=PEOPLED),
    "a signed event": replace(registration("vit-l/base", "1.0", rules=SIGNED), signer=Signer("ada")),
    "assigned by who may": promoted("cy", "ada", "ben"),
    "through broken glass": through_glass("cy"),
    "back by the hand of who may": came_back("ben", 3600),
    "ratified after two approvals": ratified("ada", "ben"),
    "a withdrawal": event(Withdrawn(Version((1, 0)), 1), "@1.0"),
    "somebody's own tag": ref("refs/tags/november"),
    "a tag of GTO": pushed(registration("vit-l/base", "1.0")),
    "a branch": ref("refs/heads/vit-l/base"),
    "a tag that goes and is nobody's": ref("refs/tags/november@x", OLD, None),
    "the same tag again": ref("refs/tags/vit-l/base@1.0", HERE, HERE, model="vit-l/base"),
    "a tip that goes on": tip(),
    "the same contract": promising("1.1", contract(), v1_0=contract()),
    "a contract that breaks early": promising("0.2", contract(11), v0_1=contract()),
    "a contract that breaks with X": promising("2.0", contract(11), v1_0=contract()),
    "a contract that breaks a withdrawn one only": replace(
        promising("1.2", contract(11), v1_0=contract(11), v1_1=contract()),
        state=state_of("vit-l/base", "@1.0", "@1.1", "@1.1!#1"),
    ),
    "no contract before X = 1": promising("0.1", None, ModelRules(contract_required=True)),
    "a contract where one must be": promising("1.0", contract(), ModelRules(contract_required=True)),
    "a deprecated rack of another model": project("1.2.1"),
    "the fields that are asked for": declares("vit-l/base", rules=FIELDS, owner="ann", metrics={"accuracy": 0.0}),
    "the fields of a stage": replace(
        assignment("production", "@1.0", "#staging#1"),
        rules=FIELDS,
        declared=declares("vit-l/base", data=[{"name": "photos"}], hardware="A100"),
    ),
    "a checkpoint below the limit": replace(
        declares("vit-l/base", rules=ModelRules(max_size=10)), tracked=Tracked(digest="a", size=10)
    ),
    "a lock file": replace(declares("vit-l/base", rules=LOCKED, environment="uv.lock"), lock=("uv.lock", b"x")),
    "pinned requirements": replace(
        declares("vit-l/base", rules=LOCKED, environment="r.txt"),
        lock=("r.txt", b"a==1.0 # c\nb==2; python_version > '3'\n"),
    ),
    "exact versions": declares("vit-l/base", rules=LOCKED, environment={"torch": "2.1.0"}),
    "the files of a folder": replace(
        declares("vit-l/base", rules=FOLDER), files=("README.md", "train.py", "docs/a/b.png")
    ),
    "a digest of the right size": replace(
        registration("vit-l/base", "1.0"),
        checkpoint=Digest("a" * 64, 7),
        declared=replace(declares("vit-l/base"), tracked=Tracked(digest="a", size=7)),
    ),
    "a version of a base that stands": replace(
        event(Assigned("staging", 1), "@1.2.1", model="vit-l/projectA"),
        base=state_of("vit-l/base", "@1.1", "@1.2", "@1.1!#1"),
    ),
    "staging, then production": assignment("production", "@1.0", "#staging#1"),
    "back from production": assignment("staging", "@1.0", "#staging#1", "#production#2", at=0),
    "another model is frozen": frozen("base-*/**"),
    "another stage is frozen": frozen("**", "production"),
    "a freeze that is over": frozen("**", until="2026-11-20"),
    "back into a frozen stage": frozen("**", after=("#staging#1", "#staging!#2")),
    "put away though withdrawn": assignment("archived", "@1.0", "#staging#1", "@1.0!#2"),
    "a registration by somebody known, where a stage asks for the author": replace(
        registration("vit-l/base", "1.0", rules=PEOPLED), signer=Signer("dee")
    ),
    "a registration by nobody, where only the promoter may not approve": replace(
        registration("vit-l/base", "1.0", rules=PROMOTER_ALONE), signer=NOBODY
    ),
    "the weights of a version that was withdrawn": with_checkpoints_withdrawn("1.2.2", "1.2.1"),
    "three tags together": replace(assignment("staging", "@1.0"), beside=2),
    "many registrations together": replace(registration("vit-l/base", "1.0"), beside=999),
    "a reserved word within a part": registration("vit-l/console", "1.0.0", rules=SEMVER),
    "an approval of a policy": ref(f"refs/tags/gitcellar/policy/{'0a' * 8}/{'9f' * 6}"),
    "a plain tag beside the approvals": ref("refs/tags/gitcellar/notes"),
    "a plain tag that begins like their folder": ref("refs/tags/gitcellar/policy-2026"),
    "a plain tag that is deleted where approvals must stand": ref("refs/tags/gitcellar", HERE, None),
    "a branch as the folder of approvals": ref("refs/heads/gitcellar/policy"),
    "a model beside the approvals": registration("gitcellar/base", "1.0"),
}


@pytest.mark.parametrize("act", ALLOWED.values(), ids=ALLOWED)
def test_what_the_rules_allow_is_allowed(act: Judged) -> None:
    assert verdict_of(act).violations == ()


REFUSED: dict[str, tuple[Judged, list[str]]] = {
    "three numbers for a base": (registration("vit-l/base", "1.0.1"), ["V001 vit-l/base@1.0.1: a base model's version is X.Y"]),
    "two for a project": (
        replace(project("1.2.1"), tags=registration("vit-l/projectA", "1.2").tags),
        ["V001 vit-l/projectA@1.2: a project model's version is X.Y.Z, where Z counts from 1"],
    ),
    "Z is zero": (
        project("1.2.0"), ["V001 vit-l/projectA@1.2.0: a project model's version is X.Y.Z, where Z counts from 1"],
    ),
    "build": (
        registration("vit-l/base", "1.0+x"), ["V001 vit-l/base@1.0+x: build metadata (+…) would make two names of one version"],
    ),
    "outside a rack": (
        registration("churn", "1.0.0"), ["V001 churn@1.0.0: a model outside a rack is neither a base nor a project model"],
    ),
    "two numbers for semver": (registration("churn", "1.0", rules=SEMVER), ["V001 churn@1.0: a SemVer version is X.Y.Z"]),
    "registered already": (
        registration("vit-l/base", "1.0", "1.0"), ["V002 vit-l/base@1.0: 1.0 is already registered at 0000000"],
    ),
    "registered and withdrawn": (
        registration("vit-l/base", "1.0", "1.0", "1.0!#1"),
        ["V002 vit-l/base@1.0: 1.0 is already registered at 0000000 and was withdrawn since"],
    ),
    "a strange first": (registration("vit-l/base", "0.2"), ["V003 vit-l/base@0.2: the first version is 0.1, 0.0 or 1.0"]),
    "a gap": (registration("vit-l/base", "1.4", "1.0", "1.1", "1.2"), ["V003 vit-l/base@1.4: 1.3 comes first"]),
    "a gap in X": (registration("vit-l/base", "3.0", "1.0"), ["V003 vit-l/base@3.0: 2.0 comes first"]),
    "a step back": (registration("vit-l/base", "0.1", "1.0"), ["V003 vit-l/base@0.1: 1.0 was the first version"]),
    "a candidate after a gap": (registration("vit-l/base", "1.2-rc.1", "1.0"), ["V003 vit-l/base@1.2-rc.1: 1.1 comes first"]),
    "a candidate after its final": (
        registration("vit-l/base", "1.0-rc.1", "1.0"),
        ["V003 vit-l/base@1.0-rc.1: 1.0 is registered already, and 1.0-rc.1 is before it"],
    ),
    "a candidate before a later one": (
        registration("vit-l/base", "1.0-rc.1", "1.0-rc.2"),
        ["V003 vit-l/base@1.0-rc.1: 1.0-rc.2 is registered already, and 1.0-rc.1 is before it"],
    ),
    "Z begins late": (project("1.2.2"), ["V003 vit-l/projectA@1.2.2: 1.2.1 comes first"]),
    "no such base": (
        project("1.3.1", base="vit-l/base@1.3"), ["V004 vit-l/projectA@1.3.1: its base vit-l/base@1.3 is not registered"],
    ),
    "a withdrawn base": (
        project("1.2.1", bases=("@1.2", "@1.2!#1")), ["V004 vit-l/projectA@1.2.1: its base vit-l/base@1.2 was withdrawn"],
    ),
    "two at a commit": (
        registration("vit-l/base", "1.1", "1.0", at=f"{0:040d}"), ["V005 vit-l/base@1.1: 1.0 is registered at 0000000 already"],
    ),
    "a candidate after the final, at its commit": (
        registration("vit-l/base", "1.1-rc.1", "1.0", at=f"{0:040d}"),
        ["V005 vit-l/base@1.1-rc.1: 1.0 is registered at 0000000 already"],
    ),
    "no base in the manifest": (project("1.2.1", base=None), ["L001 vit-l/projectA@1.2.1: its manifest entry names no base"]),
    "another base in the manifest": (
        project("1.2.1", base="vit-l/base@1.1"),
        ["L001 vit-l/projectA@1.2.1: its manifest entry names the base vit-l/base@1.1, and the version vit-l/base@1.2"],
    ),
    "another rack's base": (
        project("1.2.1", base="vit-b/base@1.2"),
        ["L001 vit-l/projectA@1.2.1: its manifest entry names the base vit-b/base@1.2, and the version vit-l/base@1.2"],
    ),
    "a base that is no reference": (
        project("1.2.1", base="the good one"),
        ["L001 vit-l/projectA@1.2.1: its manifest entry names the base the good one, and the version vit-l/base@1.2"],
    ),
    "topped up from itself": (
        trained_from("vit-l/projectA@1.2.1"),
        ["L002 vit-l/projectA: trained_from names the project model vit-l/projectA"],
    ),
    "topped up from another": (
        trained_from("vit-l/projectB"), ["L002 vit-l/projectA: trained_from names the project model vit-l/projectB"],
    ),
    "the same weights": (
        with_checkpoints("1.2.2", "a", **{"1_2_1": "a"}),
        [f"L003 vit-l/projectA@1.2.2: 1.2.1 has the very same checkpoint, sha256:{'a' * 12}…"],
    ),
    "an unknown stage": (
        assignment("prod", "@1.0"),
        ["S001 vit-l/base#prod#1: 'prod' is none of the policy's stages: staging, production, archived"],
    ),
    "nothing registered there": (
        assignment("staging", "@1.0", at=7), ["S002 vit-l/base#staging#1: no version is registered at 0000000"],
    ),
    "a withdrawn version": (
        assignment("staging", "@1.0", "@1.0!#1"), ["S002 vit-l/base#staging#2: 1.0 was withdrawn"],
    ),
    "case alone differs": (
        replace(registration("Vit-L/base", "1.0"), neighbours=("vit-l/projectA",)),
        ["N001 Vit-L/base: 'Vit-L' differs only in case from 'vit-l' of vit-l/projectA"],
    ),
    "a tag in the way": (
        replace(registration("vit-l/base", "1.0"), blocking=("vit-l",)),
        ["N002 vit-l/base: the tag 'vit-l' stands where the folder of the model's tags must"],
    ),
    "no name of the pattern": (
        registration("vit-l/base", "1.0", rules=ModelRules(names=("bert-*/*", "t5/*"))),
        ["N004 vit-l/base: it matches none of the policy's patterns: bert-*/*, t5/*"],
    ),
    "a misspelled version": (
        ref("refs/tags/vit-l/base@one"), ["N005 vit-l/base@one: it looks like a registry tag and cannot be read as one"],
    ),
    "a full-width sign": (
        ref("refs/tags/vit-l/base\uff201.0"), ["N005 vit-l/base\uff201.0: it looks like a registry tag and cannot be read as one"],
    ),
    "a Cyrillic letter": (
        ref("refs/tags/vit-l/b\u0430se@1.0"), ["N005 vit-l/b\u0430se@1.0: it looks like a registry tag and cannot be read as one"],
    ),
    "a branch like a version": (
        ref("refs/heads/vit-l/base@1.0"), ["N006 vit-l/base@1.0: a branch of this name shadows the tag"],
    ),
    "a tag like a rack": (
        ref("refs/tags/vit-l", blocks="vit-l/base@1.0"), ["N006 vit-l: it stands where the folder of vit-l/base@1.0 must"],
    ),
    **{
        f"{name!r} where approvals must stand": (
            ref(f"refs/tags/{name}"), [f"N006 {name}: it stands where gitcellar writes approvals of a policy"],
        )
        for name in (
            "gitcellar",
            "GitCellar",
            "gitcellar/policy",
            "gitcellar/Policy",
            "gitcellar/policy/x",
            f"gitcellar/policy/{'0a' * 8}",
            f"gitcellar/policy/{'0a' * 8}/x",
            f"gitcellar/policy/{'0A' * 8}/{'9f' * 6}",
            f"gitcellar/policy/{'0a' * 8}/{'9f' * 6}/x",
        )
    },
    "a model among the approvals": (
        registration(f"gitcellar/policy/{'0a' * 8}/{'9f' * 6}/base", "1.0"),
        [f"N006 gitcellar/policy/{'0a' * 8}/{'9f' * 6}/base: it stands where gitcellar writes approvals of a policy"],
    ),
    "a lightweight tag": (pushed(registration("vit-l/base", "1.0"), kind="commit"), ["V006 vit-l/base@1.0: a lightweight tag"]),
    "a tag object under another name": (
        pushed(registration("vit-l/base", "1.0"), field="vit-l/base@0.9"),
        ["V007 vit-l/base@1.0: its tag object says 'vit-l/base@0.9'"],
    ),
    "a tag of a tree": (
        pushed(registration("vit-l/base", "1.0"), target="tree"), ["V008 vit-l/base@1.0: it points at a tree, not at a commit"],
    ),
    "a claim about a commit": (
        pushed(claimed("evaluated.qa")),
        ["V008 vit-l/base@1.0=evaluated.qa#1: it points at a commit, not at a tag"],
    ),
    "an event that nobody signed": (
        replace(registration("vit-l/base", "1.0", rules=SIGNED), signer=NOBODY),
        ["A001 vit-l/base@1.0: it is not signed"],
    ),
    "a registration by nobody, where a stage asks for the author": (
        replace(registration("vit-l/base", "1.0", rules=PEOPLED), signer=NOBODY),
        ["A010 vit-l/base@1.0: it is not signed, and its author may not approve it for production"],
    ),
    "an author whom nobody knows": (
        replace(promoted("cy", "ada", "ben"), author=NOBODY),
        [
            "A010 vit-l/base#production#1: the registration of 1.0 is not signed, and its author may not approve",
        ],
    ),
    "a new version where a withdrawn one stands": (
        registration("vit-l/base", "1.1", "1.0", "1.0!#1", at=f"{0:040d}"),
        ["V005 vit-l/base@1.1: 1.0 is registered at 0000000 already, and was withdrawn"],
    ),
    "an event outside the chain": (
        chained(False),
        ["A007 vit-l/base@1.0: the tip of vit-l/base does not lead back to it, so it could go unnoticed"],
    ),
    "assigned by somebody else": (
        promoted("ada", "ada", "ben"),
        ["A002 vit-l/base#production#1: ada assigns it, and only release may"],
    ),
    "one approval of two": (
        promoted("cy", "ada"),
        ["A003 vit-l/base#production#1: 1 more approval in the role safety"],
    ),
    "an approval by nobody": (
        claimed("approved.production", rules=PEOPLED),
        ["A004 vit-l/base@1.0=approved.production#1: it is not signed"],
    ),
    "an approval in a role that they have not": (
        claimed("approved.production", by="ada", rules=PEOPLED, role="safety"),
        ["A004 vit-l/base@1.0=approved.production#1: it was given in the role safety, which ada does not have"],
    ),
    "an approval of what they registered": (
        replace(claimed("approved.production", by="ada", rules=PEOPLED), author=Signer("ada")),
        ["A004 vit-l/base@1.0=approved.production#1: it was given by ada, who registered the version"],
    ),
    "an approval for another cellar": (
        claimed("approved.production", by="ada", rules=PEOPLED, cellar="other"),
        ["A004 vit-l/base@1.0=approved.production#1: it was made for the cellar other, and this one is without"],
    ),
    "an approval of another registration": (
        claimed("approved.production", by="ada", rules=PEOPLED, target=HERE),
        ["A004 vit-l/base@1.0=approved.production#1: it is about another registration of 1.0 than the one that stands"],
    ),
    "an approval that says another stage": (
        claimed("approved.production", by="ada", rules=PEOPLED, stage="staging"),
        ["A004 vit-l/base@1.0=approved.production#1: it says Stage: staging"],
    ),
    "an approval that is over": (
        claimed("approved.production", by="ada", rules=PEOPLED, until="2026-11-20"),
        ["A004 vit-l/base@1.0=approved.production#1: it counted until 2026-11-20"],
    ),
    "a claim of no kind": (
        claimed("blessed.production", by="ada", rules=PEOPLED),
        [
            "A004 vit-l/base@1.0=blessed.production#1: it states 'blessed', and a claim is approved, rejected, bypassed, "
            "ratified, evaluated, scanned, a dot, and a stage or a name"
        ],
    ),
    "broken glass by who may not": (
        claimed("bypassed.production", by="ada", rules=PEOPLED),
        ["A004 vit-l/base@1.0=bypassed.production#1: it breaks the glass of production, which ada may not"],
    ),
    "through glass that another broke": (
        through_glass("ada"),
        ["A002 vit-l/base#production#2: ada assigns it, and only cy may"],
    ),
    "back by somebody else": (
        came_back("dee", 3600),
        [
            "A002 vit-l/base#production#3: dee assigns it, and only release may",
            "A003 vit-l/base#production#3: 1 more approval in the role qa",
            "A003 vit-l/base#production#3: 1 more approval in the role safety",
        ],
    ),
    "back too late": (
        came_back("ben", 40 * 86400),
        [
            "A002 vit-l/base#production#3: ben assigns it, and only release may",
            "A003 vit-l/base#production#3: 1 more approval in the role qa",
            "A003 vit-l/base#production#3: 1 more approval in the role safety",
        ],
    ),
    "ratified without approvals": (
        ratified("ada"),
        ["A003 vit-l/base@1.0=ratified.production#3: 1 more approval in the role safety"],
    ),
    "a branch before the one with the policy": (
        ref("refs/heads/work", branch=BranchStep("refs/heads/main")),
        ["A008 refs/heads/work: HEAD names main, which does not exist yet and comes first"],
    ),
    "the branch with the policy beside others": (
        ref("refs/heads/master", branch=BranchStep("refs/heads/master", beside=("refs/heads/main",))),
        ["A008 refs/heads/master: its policy would judge from now on, and main exists already"],
    ),
    "the branch with the policy is deleted": (
        ref("refs/heads/main", OLD, None, branch=BranchStep("refs/heads/main")),
        ["A008 refs/heads/main: the branch with the policy is never deleted"],
    ),
    "the branch with the policy goes back": (
        replace(ref("refs/heads/main", OLD, branch=BranchStep("refs/heads/main")), rules=QUORUM),
        ["A008 refs/heads/main: it would go back: fffffff does not contain eeeeeee"],
    ),
    "a ref of a clone": (
        ref("refs/remotes/origin/main"),
        ["N007 refs/remotes/origin/main: such a ref belongs to a clone or to the server, and is not pushed"],
    ),
    "a branch called HEAD": (
        ref("refs/heads/HEAD"), ["N007 refs/heads/HEAD: such a ref belongs to a clone or to the server, and is not pushed"],
    ),
    "another policy that one of two approved": (
        replace(ref("refs/heads/main", OLD), rules=QUORUM, policy_approved=("ada",)),
        ["A006 refs/heads/main: the policy that it brings needs 1 more approval"],
    ),
    "glass broken twice": (
        claimed(
            "bypassed.production", "@1.0", "@1.0=bypassed.production#1", "#production#2", by="cy", rules=PEOPLED
        ),
        [
            "A005 vit-l/base@1.0=bypassed.production#3: production was entered by "
            "vit-l/base@1.0=bypassed.production#1, which nobody has ratified"
        ],
    ),
    "a tag that is moved": (
        ref("refs/tags/vit-l/base@1.0", OLD, HERE, model="vit-l/base"),
        ["V009 vit-l/base@1.0: it is eeeeeee already and would become fffffff"],
    ),
    "a tag that is deleted": (
        ref("refs/tags/vit-l/base@1.0", OLD, None, model="vit-l/base"), ["V009 vit-l/base@1.0: a registry tag is never deleted"],
    ),
    "a commit on no protected branch": (
        replace(registration("vit-l/base", "1.0", rules=ModelRules(protected=("main",))), unreachable=True),
        ["V010 vit-l/base@1.0: fffffff is on no protected branch (main)"],
    ),
    "something else below refs/gitcellar": (
        ref("refs/gitcellar/x"), ["V011 refs/gitcellar/x: only tips of models, MODEL@tip, live below refs/gitcellar/"],
    ),
    "a tip that is deleted": (tip(new=None), ["V011 refs/gitcellar/vit-l/base@tip: a tip is never deleted"]),
    "a tip of no event": (tip(None), ["V011 refs/gitcellar/vit-l/base@tip: it would name no event of vit-l/base"]),
    "a tip of a tag that is not there": (
        tip(known=False),
        ["V011 refs/gitcellar/vit-l/base@tip: it would name vit-l/base@1.1, and that tag is another object"],
    ),
    "a tip that goes back": (
        tip(follows=False), ["V011 refs/gitcellar/vit-l/base@tip: the chain of vit-l/base@1.1 does not lead back to it"],
    ),
    "a withdrawal of nothing": (event(Withdrawn(Version((2, 0)), 1), "@1.0"), ["V012 vit-l/base@2.0!#1: 2.0 is not registered"]),
    "a contract that breaks": (
        promising("1.1", contract(11), v1_0=contract()),
        ["C001 vit-l/base@1.1: breaks 1.0: outputs.scores.shape: [batch, 10] became [batch, 11]: 11 where 10 was promised"],
    ),
    "a contract that is gone": (
        promising("1.1", None, v1_0=contract()), ["C001 vit-l/base@1.1: breaks 1.0: contract: is gone"],
    ),
    "no contract from X = 1 on": (
        promising("1.0", None, ModelRules(contract_required=True)), ["C003 vit-l/base@1.0: its manifest entry has no contract"],
    ),
    "a deprecated base": (
        replace(project("1.2.1"), base=state_of("vit-l/base", "@1.2", "@deprecated#1")),
        ["L004 vit-l/projectA@1.2.1: its base vit-l/base is deprecated"],
    ),
    "no entry": (
        replace(registration("vit-l/base", "1.0"), declared=Declaration(ModelName("vit-l/base"), DEFAULT, "fffffff")),
        ["M001 vit-l/base@1.0: artifacts.yaml at fffffff has no entry for vit-l/base"],
    ),
    "a manifest that cannot be read": (
        Declaration(ModelName("vit-l/base"), DEFAULT, "fffffff", faults=("artifacts.yaml:3: vit-l/base.pth: unknown key",)),
        ["M002 vit-l/base: artifacts.yaml:3: vit-l/base.pth: unknown key"],
    ),
    "fields that are missing": (
        declares("vit-l/base", rules=FIELDS, owner=""),
        ["M003 vit-l/base: its entry has no 'owner'", "M003 vit-l/base: its entry has no 'metrics.accuracy'"],
    ),
    "fields that a stage asks for": (
        replace(assignment("production", "@1.0", "#staging#1"), rules=FIELDS, declared=declares("vit-l/base", hardware="A100")),
        ["M003 vit-l/base#production#2: production asks for 'data', and the entry at fffffff has none"],
    ),
    "a path of nothing": (
        replace(declares("vit-l/base"), missing=("m",)), ["M004 vit-l/base: m is not in fffffff"],
    ),
    "a checkpoint in Git": (
        replace(declares("vit-l/base"), tracked=Tracked(outside_dvc=True)), ["M005 vit-l/base: DVC does not track m"],
    ),
    "a checkpoint in Git and DVC": (
        replace(declares("vit-l/base"), tracked=Tracked(outside_dvc=True, digest="a")), ["M005 vit-l/base: m is in Git too"],
    ),
    "a checkpoint above the limit": (
        replace(declares("vit-l/base", rules=ModelRules(max_size=10)), tracked=Tracked(digest="a", size=11)),
        ["M006 vit-l/base: the checkpoint has 11 bytes, and 10 are the most"],
    ),
    "tracking without data": (
        replace(declares("vit-l/base"), tracked=Tracked(digest="a", data_missing=True)),
        ["M007 vit-l/base: neither the work tree nor DVC's cache has what is tracked as m"],
    ),
    "no environment": (declares("vit-l/base", rules=LOCKED), ["M008 vit-l/base: its entry has no environment"]),
    "an environment that is open": (
        declares("vit-l/base", rules=LOCKED, environment={"torch": "2.*", "numpy": "1.26.4"}),
        ["M008 vit-l/base: its environment leaves open torch"],
    ),
    "requirements that are open": (
        replace(
            declares("vit-l/base", rules=LOCKED, environment="r.txt"),
            lock=("r.txt", b"--index-url x\na>=1\nb==2\nc==1.*\n-r other.txt\n"),
        ),
        ["M008 vit-l/base: its environment leaves open a>=1 and 2 more"],
    ),
    "a file that is missing": (
        replace(declares("vit-l/base", rules=FOLDER), files=("train.py",)),
        ["M009 vit-l/base: vit-l/base/README.md is required and not there"],
    ),
    "a file that is not expected": (
        replace(declares("vit-l/base", rules=FOLDER), files=("README.md", "old/train.py")),
        ["M010 vit-l/base: vit-l/base/old/train.py is not expected there"],
    ),
    "a checkpoint that is not on the remote": (
        replace(registration("vit-l/base", "1.0"), lost=("abc", "def")), ["D001 vit-l/base@1.0: the DVC remote has not abc and 1 more"],
    ),
    "a digest of another size": (
        replace(
            registration("vit-l/base", "1.0"), checkpoint=Digest("a" * 64, 7),
            declared=replace(declares("vit-l/base"), tracked=Tracked(digest="a", size=8)),
        ),
        ["D002 vit-l/base@1.0: the tag records 7 bytes, and DVC tracks 8"],
    ),
    "a digest of other data": (
        replace(registration("vit-l/base", "1.0"), checkpoint=Digest("a" * 64, 7), measured=Digest("b" * 64, 7)),
        [f"D002 vit-l/base@1.0: the tag records sha256:{'a' * 64} 7 bytes, and the checkpoint is sha256:{'b' * 64} 7 bytes"],
    ),
    "the same weights by DVC": (
        replace(
            project("1.2.2", "1.2.1"),
            declared=replace(declares("vit-l/projectA", base="vit-l/base@1.2"), tracked=Tracked(digest="a" * 32)),
            earlier={Version((1, 2, 1)): replace(declares("vit-l/projectA"), tracked=Tracked(digest="a" * 32))},
        ),
        [f"L003 vit-l/projectA@1.2.2: 1.2.1 has the very same checkpoint, md5:{'a' * 12}… by DVC"],
    ),
    "production at once": (
        assignment("production", "@1.0"),
        ["S003 vit-l/base#production#1: 1.0 was never in a stage, and production is entered from staging or archived"],
    ),
    "a counter again": (
        event(Assigned("staging", 1), "@1.0", "#staging#1"),
        ["S004 vit-l/base#staging#1: its counter is 1, and the next of vit-l/base is 2"],
    ),
    "a counter too far": (
        event(Assigned("staging", 3), "@1.0"), ["S004 vit-l/base#staging#3: its counter is 3, and the next of vit-l/base is 1"],
    ),
    "no counter": (
        event(Unassigned("staging", 0), "@1.0", "#staging#1"),
        ["S004 vit-l/base#staging!#0: it has no counter, and the next of vit-l/base is 2"],
    ),
    "four tags together": (
        replace(assignment("staging", "@1.0"), beside=3),
        ["S005 vit-l/base#staging#1: pushed with 3 other tags, and GitHub sends no event for more than 3 tags"],
    ),
    "a frozen stage": (
        frozen("vit-l/*", "staging", "production"),
        ["S008 vit-l/base#staging#1: staging is frozen until 2026-11-30: the end of the year"],
    ),
    "a version of a recalled base": (
        replace(
            event(Assigned("staging", 1), "@1.2.1", model="vit-l/projectA"),
            base=state_of("vit-l/base", "@1.2", "@1.2!#1"),
        ),
        ["S007 vit-l/projectA#staging#1: 1.2.1 came from vit-l/base@1.2, which was withdrawn"],
    ),
    "a history that verify would condemn": (
        ProposedHistory(
            ModelName("vit-l/base"), DEFAULT, (Suspicion("forked", "vit-l/base@1.1", "it and x follow the same event"),)
        ),
        ["V013 vit-l/base@1.1: it and x follow the same event (forked)"],
    ),
    "a date before that of an earlier event": (
        arrived(NOON - 61),
        ["V014 vit-l/base#staging#1: it is dated 1 second before an event of the model that came before it"],
    ),
    "a date before that of an earlier event, seen from a clone": (
        arrived(NOON - 180, received=None),
        ["V014 vit-l/base#staging#1: it is dated 2 minutes before an event of the model that came before it"],
    ),
    "a date in the future": (
        arrived(NOON + 3601), ["V014 vit-l/base#staging#1: it is dated 1 hour ahead of this server's clock"],
    ),
    "a clock that started before its event came": (
        arrived(NOON - 5 * 86400, newest=0, rules=AGED),
        ["V014 vit-l/base#staging#1: it starts a clock, and is dated 5 days before it arrived"],
    ),
    "too many tags": (
        PushSize(11, 0, ModelRules(max_push=10)), ["V015 push: it has 11 registry tags, and 10 are the most"],
    ),
    "too many bytes": (
        PushSize(1, 2**26 + 1, DEFAULT), ["V015 push: its tag objects have 67108865 bytes, and 67108864 are the most"],
    ),
    "a link without the tip": (
        written(pushed(registration("vit-l/base", "1.0")), follows=HERE, chained=False),
        ["V016 vit-l/base@1.0: it follows another event, and the tip of vit-l/base does not lead to it"],
    ),
    "a signature that does not fit": (
        written(pushed(registration("vit-l/base", "1.0")), forgery="has a signature that does not fit"),
        ["A009 vit-l/base@1.0: it has a signature that does not fit"],
    ),
    "a word of Windows": (
        registration("vit-l/nul.old", "1.0.0", rules=SEMVER), ["N003 vit-l/nul.old: Windows allows no file named 'nul.old'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "reasons"), REFUSED.values(), ids=REFUSED)
def test_what_the_rules_forbid_is_refused_with_its_reason(act: Judged, reasons: list[str]) -> None:
    verdict = verdict_of(act)
    assert [str(violation) for violation in verdict.violations] == reasons
    assert not verdict.ok


def test_every_rule_has_a_row_that_is_refused_and_a_page() -> None:
    refused = {reason.split()[0] for _, reasons in REFUSED.values() for reason in reasons}
    assert refused | {"C002", "C004", "S006"} == {rule.id for rule in RULES}  # warnings; tests/policy/test_gates.py
    assert list(RULES) == sorted(RULES, key=lambda rule: ("NVCLMDSA".index(rule.id[0]), rule.id))
    assert all(rule.page and "\n" not in rule.reason and "What to do:" in rule.page for rule in RULES)


def test_x_that_rises_though_nothing_broke_is_warned_of() -> None:
    verdict = verdict_of(promising("2.0", contract(), v1_0=contract()))
    assert (verdict.ok, [str(found) for found in verdict.warnings]) == (
        True, ["C002 vit-l/base@2.0: its contract breaks nothing of 1.0"],
    )  # fmt: skip


TENSORS = {"a": {"dtype": "int33"}, "c": {"dtype": "bfloat16"}}
WORDS: dict[str, tuple[dict[str, Any], list[tuple[str, str | None]]]] = {
    "a dtype that is misspelled": (
        {"inputs": TENSORS},
        [("contract.inputs.a.dtype: 'int33' is no known dtype", "did you mean int32")],
    ),
    "a dtype of somewhere else": (
        {"outputs": {"y": {"dtype": "quux"}}},
        [("contract.outputs.y.dtype: 'quux' is no known dtype", None)],
    ),
    "a column that is no input": (
        {"inputs": {"aa": {"dtype": "string"}, "c": {"dtype": "bool"}}, "columns": ["c", "ab"]},
        [("contract.columns: 'ab' is none of the inputs", None)],
    ),
    "columns of one input": ({"inputs": {"table": {"dtype": "float32"}}, "columns": ["a", "b"]}, []),
    "columns that are inputs": (
        {"inputs": {"c": {"dtype": "int64"}, "d": {"dtype": "int4"}}, "columns": ["d", "c"]},
        [],
    ),
}


@pytest.mark.parametrize(("said", "found"), WORDS.values(), ids=WORDS)
def test_a_word_of_a_contract_that_is_not_known_is_warned_of(
    said: dict[str, Any], found: list[tuple[str, str | None]]
) -> None:
    verdict = verdict_of(promising("0.1", said))
    assert verdict.ok
    warned = [(each.rule, each.subject, each.message) for each in verdict.warnings]
    assert warned == [("C004", "vit-l/base", message) for message, _ in found]
    for each, (_, hint) in zip(verdict.warnings, found, strict=True):
        assert each.hint is None if hint is None else (each.hint or "").startswith(hint)


@pytest.mark.parametrize("severity", ["error", "warning", "off"])
def test_the_policy_says_how_much_a_rule_counts(severity: Any) -> None:
    verdict = verdict_of(registration("vit-l/base", "1.4", "1.0", rules=ModelRules(severities={"V003": severity})))
    found = ["V003 vit-l/base@1.4: 1.3 comes first"]
    assert [str(v) for v in verdict.violations] == (found if severity == "error" else [])
    assert [str(v) for v in verdict.warnings] == (found if severity == "warning" else [])


@pytest.mark.parametrize(
    ("rule", "match", "until", "allowed"),
    [
        ("V003", "vit-l/*", "2026-11-21", True),
        ("V003", "**", "2027-01-01", True),
        ("V003", "vit-l/*", "2026-11-20", False),
        ("V003", "bert/*", "2027-01-01", False),
        ("V002", "vit-l/*", "2027-01-01", False),
    ],
)
def test_an_exception_holds_for_its_rule_its_models_and_until_its_day(
    rule: str, match: str, until: str, allowed: bool
) -> None:
    exception = RuleException(rule, match, "the import of 2025", until)
    verdict = verdict_of(registration("vit-l/base", "1.4", "1.0", rules=ModelRules(exceptions=(exception,))))
    assert verdict.ok is allowed
    assert [e.exception for e in verdict.excepted] == ([exception] if allowed else [])


BUMPS = st.sampled_from([None, "minor", "major"])


@given(st.lists(BUMPS, max_size=8))
def test_the_next_version_of_a_base_is_always_one_that_the_rules_allow(bumps: list[str | None]) -> None:
    registered: list[Version] = []
    for bump in bumps:
        version = CellarScheme().next_version(ModelName("vit-l/base"), VersionOrder(registered), None, bump)  # type: ignore[arg-type]
        assert version is not None
        change = registration("vit-l/base", str(version), *map(str, registered))
        assert verdict_of(change).ok
        registered.append(version)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=8))
def test_the_next_version_of_a_project_is_always_one_that_the_rules_allow(bases: list[tuple[int, int]]) -> None:
    registered: list[Version] = []
    for base in bases:
        version = CellarScheme().next_version(
            ModelName("vit-l/projectA"), VersionOrder(registered), Version(base), None
        )
        assert version is not None
        name = f"{base[0]}.{base[1]}"
        assert verdict_of(
            project(str(version), *map(str, registered), base=f"vit-l/base@{name}", bases=(f"@{name}",))
        ).ok
        registered.append(version)


@pytest.mark.parametrize(
    ("bump", "version"), [(None, "1.3.0"), ("minor", "1.3.0"), ("major", "2.0.0"), ("patch", "1.2.4")]
)  # fmt: skip
def test_semver_counts_as_semver_says(bump: str | None, version: str) -> None:
    registered = VersionOrder([parse_version(text) for text in ("1.0.0", "1.2.3", "1.3.0-rc.1")])
    assert SemVerScheme().next_version(ModelName("churn"), registered, None, bump) == parse_version(version)  # type: ignore[arg-type]


@pytest.mark.parametrize(("bump", "version"), [(None, "0.1.0"), ("major", "1.0.0"), ("patch", "0.1.0")])
def test_semver_begins_with_a_round_number(bump: str | None, version: str) -> None:
    assert SemVerScheme().next_version(ModelName("churn"), VersionOrder([]), None, bump) == parse_version(version)  # type: ignore[arg-type]


def test_evidence_that_nobody_read_is_not_taken_for_none() -> None:
    with pytest.raises(ValueError, match="nobody read when vit-l/base@1.0 came"):
        verdict_of(replace(pushed(registration("vit-l/base", "1.0")), arrival=NOT_READ))


@pytest.mark.parametrize("text", ["", "2026-11", "2026-13-01", "2026-11-32", "2026-11-21\n", "٢٠٢٦-11-21", "20261121"])
def test_what_is_no_day_makes_no_day(text: str) -> None:
    with pytest.raises(InvalidError, match="is no day"):
        Day(text)
