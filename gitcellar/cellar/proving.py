"""Can what is here be believed? Reads every event of a model, by its ref and by the chain, and looks for what is gone.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitcellar.cellar.authority import Authority, Proven, prove_objects
from gitcellar.cellar.model_past import find_day
from gitcellar.cellar.policies import fetch_policy, read_policy
from gitcellar.cellar.reading import read_state, unknown_model
from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.errors import NotFoundError
from gitcellar.core.events import Event
from gitcellar.core.names import ModelName, find_model_name
from gitcellar.core.proof import BY_POLICY, Code, Evidence, Suspicion, find_registrations, find_suspicions
from gitcellar.core.state import replay_events
from gitcellar.core.tag_objects import TagObject, find_tag_object
from gitcellar.core.tags import find_tag_name, model_patterns, tip_ref
from gitcellar.policy.change import Act, Change, ProposedTag, WrittenTag
from gitcellar.policy.config import Policy
from gitcellar.policy.judge import judge
from gitcellar.policy.settings import ModelRules
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource, cloned

_CODES: Mapping[str, Code] = {"A001": "unsigned", "A007": "unchained"}  # of the rules that verify tells by their own
_TAGS, _TIPS, _TRACKED = "refs/tags/", "refs/gitcellar/", "refs/gitcellar-remotes"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was verified: how many events of which models, and what does not fit."""

    models: tuple[ModelName, ...]
    events: int
    suspicions: tuple[tuple[ModelName, Suspicion], ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is worse than a warning."""
        return not any(suspicion.grave for _, suspicion in self.suspicions)

    @property
    def is_rewritten(self) -> bool:
        """Whether history was changed, and not only judged by a policy that it breaks."""
        return any(suspicion.grave and suspicion.code not in BY_POLICY for _, suspicion in self.suspicions)


def verify(
    source: RefSource, model: ModelName | None = None, *, clone: GitRepository | None = None, remote: str = "origin"
) -> Proof:
    """Verify one model, or all. A URL is asked for its tags and tips. Raise NotFoundError for a model without tags.

    `clone` remembers the tips that `remote` had when it was fetched last; of a URL that is another remote's, nothing.
    Raise NotFoundError also where a clone has no tip of a model and its remote has: a plain `git clone` brings none,
    and without it nobody can tell whether the newest events are missing.
    """
    where = str(source.path) if isinstance(source, GitRepository) else source.url
    knows = clone is not None and clone.find_remote_url(remote) == where
    remembered = _remembered(clone, remote) if clone and knows else {}
    if isinstance(source, GitRepository):
        policy = read_policy(source, remote)
        proof = verify_tags(source, model, remembered or _remembered(source, remote), policy)
        if proof.ok and policy.content.coordination and not source.is_bare():
            _require_tips(source, remote, proof)
        if not proof.events and not source.is_bare():
            _require_nothing_there(source, remote)
        return proof
    patterns = ["refs/tags/*", f"{_TIPS}*"]
    if model is not None:
        patterns = [p for name in _related(model) for p in (*model_patterns(name), f"{_TIPS}{name.in_tag}@*")]
    with cloned(source.url, patterns) as repository:
        policy = fetch_policy(repository)
        return verify_tags(repository, model, remembered, policy)


def _require_tips(repository: GitRepository, remote: str, proof: Proof) -> None:
    """Raise NotFoundError where a model has no tip in this clone, and one on the remote. Only then is that asked."""
    url = repository.find_remote_url(remote)
    lacking = {model: tip_ref(model) for model, found in proof.suspicions if found.code == "no-tip"}
    there = repository.list_remote_refs(remote, list(lacking.values())) if lacking and url is not None else {}
    unknown = [model for model, ref in lacking.items() if ref in there]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        message = f"this clone has no tip of {unknown[0]}{more}, so whether its newest events are missing is not known"
        raise NotFoundError(message, hint=f"gitcellar fetch --remote {remote} brings what a plain git clone leaves out")


def _require_nothing_there(repository: GitRepository, remote: str) -> None:
    """Raise NotFoundError where a clone has no event and its remote has: `--no-tags` and `--depth 1` bring none."""
    if repository.find_remote_url(remote) is None:
        return
    there = repository.list_remote_ids(remote, [f"{_TIPS}*", f"{_TAGS}*"])
    if any(find_tag_name(ref.removeprefix(_TAGS)) or ref.startswith(_TIPS) for ref in there):
        message = f"this clone has no event, and {remote} has: nothing was verified"
        raise NotFoundError(message, hint=f"gitcellar fetch --remote {remote} brings them")


def verify_tags(
    repository: GitRepository, model: ModelName | None, remembered: Mapping[ModelName, str], policy: Policy
) -> Proof:
    """Verify what a repository has, of one model or all. `remembered` are the tips that models had before."""
    refs = repository.list_ref_ids(_TAGS, _TIPS)
    if model is not None:
        refs = repository.list_ref_ids(*(p for name in _related(model) for p in (*model_patterns(name), tip_ref(name))))
    held = _group(refs)
    # A model without a tag left is known by its tip, or by the one that it had.
    for name in (*_find_tips(refs, _TIPS), *remembered):
        held.setdefault(name, {})
    if model is not None and model not in held:
        raise unknown_model(repository, model)
    names = [model] if model is not None else sorted(held)
    objects = _read_chain(repository, [*refs.values(), *(remembered[name] for name in names if name in remembered)])
    links = read_links({object_id: tag.message for object_id, tag in objects.items()})
    tips = {name: refs.get(tip_ref(name)) for name in names}
    found = [
        (name, suspicion)
        for name in names
        for suspicion in find_suspicions(
            Evidence(
                name,
                held[name],
                objects,
                links,
                tips[name],
                remembered.get(name),
                find_registrations(held.get(name.base, {})) if name.kind == "project" else {},
            )
        )
    ]
    chains = {name: frozenset(walk_back(tip, links)) for name, tip in tips.items()}
    judged = _check_policy(repository, {name: held[name] for name in names}, chains, policy)
    graver = {(name, suspicion.tag) for name, suspicion in judged if suspicion.code == "unchained"}
    found = [(name, each) for name, each in found if each.code != "unchained" or (name, each.tag) not in graver]
    return Proof(tuple(names), sum(len(held[name]) for name in names), (*found, *judged))


def _check_policy(
    repository: GitRepository,
    held: Mapping[ModelName, Mapping[str, str]],
    chains: Mapping[ModelName, Container[str]],
    policy: Policy,
) -> list[tuple[ModelName, Suspicion]]:
    """What was signed by nobody who may or stands in no chain, by the same judge as what is proposed."""
    found: list[tuple[ModelName, Suspicion]] = []
    for model, tags in held.items():
        rules = policy.rules_of(model)
        contents = repository.read_objects({object_id: object_id for object_id in tags.values()}, kind="tag")
        proven = prove_objects(contents, rules.people)
        found += [
            (model, Suspicion("forged", tag, f"it {proven[object_id].fault}"))
            for tag, object_id in tags.items()
            if object_id in proven and proven[object_id].forged
        ]
        if rules.people or rules.chained:
            found += [(model, each) for each in _check_authority(repository, model, rules, proven, chains[model])]
    grave = {(model, each.tag) for model, each in found if each.grave and each.code == "forged"}
    return [(model, each) for model, each in found if each.code == "forged" or (model, each.tag) not in grave]


def _check_authority(
    repository: GitRepository,
    model: ModelName,
    rules: ModelRules,
    proven: Mapping[str, Proven],
    chain: Container[str],
) -> Iterator[Suspicion]:
    """What of a model's history was done by nobody who may, and whether its newest events are not signed at all."""
    events = read_state(repository, model).events
    order = [event for event, _ in replay_events(model, (), events)]
    tail = _find_unsigned_tail(order, proven)
    if tail and not rules.signed:
        yield Suspicion("unsigned-tail", tail[0], f"the last {len(tail)} events are not signed", grave=False)
    authority = Authority(repository, now=None, proven=proven)
    for act in _replay(model, events, rules, proven, chain):
        authority.collect(act)
    for act in _replay(model, events, rules, proven, chain):
        act = authority.complete(act)
        for violation in judge(Change(act.day, (act,)), family="A").violations:
            yield Suspicion(_CODES.get(violation.rule, "no-right"), violation.subject, violation.message)


def _replay(
    model: ModelName, events: Sequence[Event], rules: ModelRules, proven: Mapping[str, Proven], chain: Container[str]
) -> Iterator[Act]:
    """Each event of a model as an act, after those before it."""
    for event, state in replay_events(model, (), events):
        chained = event.object_id in chain
        written = WrittenTag(event.tag, "tag", event.tag, object_id=event.object_id, chained=chained)
        known = proven.get(event.object_id)
        # What has no date is held against the exceptions of today, for it must not choose a day on which one held.
        day = find_day(known.found.at) if known is not None else read_today()
        proposed = ProposedTag(model, event.fact, event.commit or "", written)
        yield Act(model, (proposed,), state, rules, arrival=None, day=day)


def _find_unsigned_tail(events: Sequence[Event], proven: Mapping[str, Proven]) -> list[str]:
    """The newest events that nobody signed, the oldest first, of a model that was signed before."""
    read = [(event.tag, proven.get(event.object_id)) for event in events]
    signed = [(tag, found.key) for tag, found in read if found is not None]
    last = max((at for at, (_, key) in enumerate(signed) if key is not None), default=None)
    return [] if last is None else [tag for tag, _ in signed[last + 1 :]]


def _related(model: ModelName) -> list[ModelName]:
    return [model, model.base] if model.kind == "project" else [model]


def _remembered(clone: GitRepository, remote: str) -> dict[ModelName, str]:
    """The tips that a remote had when it was fetched last; none in a bare repository, where anybody may push them."""
    if clone.is_bare():
        return {}
    folder = f"{_TRACKED}/{remote}/"
    return _find_tips(clone.list_ref_ids(folder), folder)


def _find_tips(refs: Mapping[str, str], folder: str) -> dict[ModelName, str]:
    """The tips among refs, by model."""
    tips = {ref.removeprefix(folder).removesuffix("@tip"): tip for ref, tip in refs.items() if ref.startswith(folder)}
    named = {find_model_name(name): tip for name, tip in tips.items()}
    return {name: tip for name, tip in named.items() if name is not None}


def _group(refs: dict[str, str]) -> dict[ModelName, dict[str, str]]:
    """The registry tags of each model, with their objects."""
    held: dict[ModelName, dict[str, str]] = {}
    for ref, object_id in refs.items():
        tag = ref.removeprefix(_TAGS)
        named = find_tag_name(tag) if ref.startswith(_TAGS) else None
        if named is not None:
            held.setdefault(named.model, {})[tag] = object_id
    return held


def _read_chain(repository: GitRepository, ids: Iterable[str]) -> dict[str, TagObject]:
    """The tag objects of those ids, and of all that they lead back to, as far as this repository has them."""
    objects: dict[str, TagObject] = {}
    missing = set(ids)
    while missing:
        read = repository.read_objects({object_id: object_id for object_id in missing}, kind="tag")
        fresh = {object_id: tag for object_id, content in read.items() if (tag := find_tag_object(content)) is not None}
        objects |= fresh
        # An event whose tag was deleted may still be here as an object, and tells then what it was.
        links = read_links({object_id: tag.message for object_id, tag in fresh.items()})
        missing = {before for before in links.values() if before is not None and before not in objects} - missing
    return objects
