"""What is in a push, and what is there already of the models that it touches? Read once, in few git processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from gitcellar.cellar.authority import Proven, prove_objects
from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.events import Event
from gitcellar.core.names import ModelName, find_model_name
from gitcellar.core.pushes import PushedRef
from gitcellar.core.state import ModelState, fold_events
from gitcellar.core.tag_objects import MAX_BYTES, TagObject, find_tag_object
from gitcellar.core.tags import find_tag_name, model_patterns, parse_listing, tip_ref
from gitcellar.policy.people import People
from gitcellar.store.git import GitRepository, ObjectHeader

TAGS, TIPS, _TRACKED = "refs/tags/", "refs/gitcellar/", "refs/gitcellar-remotes"
# Beyond this many models one reading of all tags costs less than a glob for each.
_MANY = 100


class PushBatch:
    """The refs of a push, the objects that they bring, and the events and tips from before it.

    `remote` is where it goes, as seen from a clone; None on the server itself. `people` are the policy's, whose keys
    check signatures.
    """

    def __init__(
        self, repository: GitRepository, pushed: Sequence[PushedRef], *, remote: str | None, people: People
    ) -> None:
        self._repository = repository
        self._remote = remote
        self._people = people
        self.pushed = pushed

    # What is pushed

    @cached_property
    def new_tags(self) -> dict[str, PushedRef]:
        """The registry tags that do not exist yet, by ref."""
        return {p.ref: p for p in self.pushed if p.old is None and p.new is not None and find_model_of(p.ref)}

    @cached_property
    def tips(self) -> dict[ModelName, PushedRef]:
        """The tips among the refs, by model."""
        found = [(find_tip_model(pushed.ref), pushed) for pushed in self.pushed]
        return {model: pushed for model, pushed in found if model is not None}

    @cached_property
    def headers(self) -> dict[str, ObjectHeader]:
        """The objects of pushed tags and tips, and under `ID^{}` what they peel to; nothing of them is read."""
        ids = [p.new for p in self.pushed if p.new and (p.ref in self.new_tags or p.ref.startswith(TIPS))]
        return self._repository.check_objects([name for each in ids for name in (each, f"{each}^{{}}")])

    @property
    def size(self) -> int:
        """The bytes of all tag objects that are pushed."""
        return sum(header.size for name, header in self.headers.items() if name == header.object_id)

    @cached_property
    def proven(self) -> dict[str, Proven]:
        """The tag objects that are pushed, by id, with their signatures checked. A malformed or huge one is none."""
        ids = [
            header.object_id
            for name, header in self.headers.items()
            if header.kind == "tag" and name == header.object_id and header.size <= MAX_BYTES
        ]
        contents = self._repository.read_objects({object_id: object_id for object_id in ids}, kind="tag")
        return prove_objects(contents, self._people)

    @cached_property
    def new_events(self) -> dict[ModelName, list[Event]]:
        """What is pushed as events, by model."""
        events: dict[ModelName, list[Event]] = {}
        for ref, pushed in self.new_tags.items():
            named = find_tag_name(ref.removeprefix(TAGS))
            if named is not None and pushed.new is not None:
                peeled = self.headers.get(f"{pushed.new}^{{}}")
                commit = peeled.object_id if peeled and pushed.new in self.proven else None
                events.setdefault(named.model, []).append(Event(named.fact, ref.removeprefix(TAGS), pushed.new, commit))
        return events

    # What is there already

    @cached_property
    def touched(self) -> list[ModelName]:
        """The models that get events or another tip."""
        return sorted({*self.new_events, *self.tips})

    @cached_property
    def known(self) -> dict[ModelName, list[Event]]:
        """The events of the models that the push touches, and of their bases, without those that are pushed."""
        asked = {*self.touched, *(model.base for model in self.touched if model.kind == "project")}
        if len(asked) > _MANY:
            listing = self._repository.list_tags()
        else:
            patterns = [pattern for model in sorted(asked) for pattern in model_patterns(model)]
            listing = self._repository.list_refs(patterns) if patterns else ""
        # In a clone a tag that is pushed exists already.
        return {
            model: [event for event in events if f"{TAGS}{event.tag}" not in self.new_tags]
            for model, events in parse_listing(listing).items()
            if model in asked
        }

    @cached_property
    def objects(self) -> dict[str, TagObject]:
        """The tag objects of the touched models by id, those that are there and those that are pushed."""
        ids = [event.object_id for model in self.touched for event in self.known.get(model, ())]
        read = self._repository.read_objects({object_id: object_id for object_id in ids}, kind="tag") if ids else {}
        found = {object_id: tag for object_id, content in read.items() if (tag := find_tag_object(content)) is not None}
        return {**found, **{object_id: proven.found for object_id, proven in self.proven.items()}}

    @cached_property
    def links(self) -> dict[str, str | None]:
        """Which event each of them follows."""
        return read_links({object_id: tag.message for object_id, tag in self.objects.items()})

    @cached_property
    def _old_tips(self) -> dict[str, str]:
        """The tips of the touched models as they are where the push goes, by ref there."""
        if self._remote is None:
            return self._repository.find_refs([tip_ref(model) for model in self.touched]) if self.touched else {}
        folder = f"{_TRACKED}/{self._remote}/"
        names = [f"{folder}{tip_ref(model).removeprefix(TIPS)}" for model in self.touched]
        found = self._repository.find_refs(names) if names else {}
        return {f"{TIPS}{name.removeprefix(folder)}": object_id for name, object_id in found.items()}

    def find_old_tip(self, model: ModelName) -> str | None:
        """A model's tip before the push."""
        pushed = self.tips.get(model)
        return pushed.old if pushed is not None else self._old_tips.get(tip_ref(model))

    def find_new_tip(self, model: ModelName) -> str | None:
        """A model's tip after the push."""
        pushed = self.tips.get(model)
        return pushed.new if pushed is not None else self._old_tips.get(tip_ref(model))

    def find_chain(self, model: ModelName) -> frozenset[str]:
        """The events to which a model's tip leads back once the push has landed."""
        return frozenset(walk_back(self.find_new_tip(model), self.links))

    def find_newest_date(self, model: ModelName) -> int:
        """The latest date of a model's events before the push, in seconds UTC by their taggers' clocks; 0 of none."""
        found = (self.objects.get(event.object_id) for event in self.known.get(model, ()))
        return max((tag.at for tag in found if tag is not None), default=0)

    # Both together

    def find_state(self, model: ModelName) -> ModelState:
        """A model's state once the push has landed; a base and what is tuned from it may come together."""
        if model not in self._states:
            self._states[model] = fold_events(model, self._events_after(model))
        return self._states[model]

    def find_held(self, model: ModelName, *, after: bool) -> dict[str, str]:
        """A model's registry tags with the objects that they hold, before the push or after it."""
        events = self._events_after(model) if after else self.known.get(model, [])
        return {event.tag: event.object_id for event in events}

    def _events_after(self, model: ModelName) -> list[Event]:
        return [*self.known.get(model, []), *self.new_events.get(model, [])]

    @cached_property
    def _states(self) -> dict[ModelName, ModelState]:
        return {}


def find_model_of(ref: str) -> ModelName | None:
    """The model of whose registry tags `ref` is one."""
    named = find_tag_name(ref.removeprefix(TAGS)) if ref.startswith(TAGS) else None
    return named.model if named else None


def find_tip_model(ref: str) -> ModelName | None:
    """The model whose tip `ref` is."""
    if not ref.startswith(TIPS) or not ref.endswith("@tip"):
        return None
    return find_model_name(ref.removeprefix(TIPS).removesuffix("@tip"))


def find_folders(refs: Iterable[str]) -> dict[str, str]:
    """Every folder that some refs stand in, with one of them."""
    found: dict[str, str] = {}
    for ref in refs:
        parts = ref.split("/")
        for end in range(3, len(parts)):
            found.setdefault("/".join(parts[:end]), ref)
    return found
