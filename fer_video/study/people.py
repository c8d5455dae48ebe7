"""Results of many clips -> who occurs in them: people of all clips, found by the embeddings that their results hold.

The rules are those within a clip (faces/clusters.py): average linkage, the threshold of the network that made the
embeddings, and people who are in sight of one clip at the same time are never one. Names that a user gave count more
than looks: people of one name are one person, those of different names are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from fer_video.errors import InputError, OptionError
from fer_video.faces.clusters import cluster
from fer_video.results.read import read_answers
from fer_video.types import ClipResult, Floats, Person

__all__ = ["Appearance", "Found", "Gathered", "Network", "Spans", "find_people", "gather", "with_names"]

_MOMENT_S = 1e-3  # what somebody counts for who is in a picture, or in a single frame
_MAKE = "make the result with fervid predict --identity-embeddings"

Spans = tuple[tuple[float, float], ...]  # start and end, seconds


@dataclass(frozen=True, slots=True)
class Network:
    """What made the embeddings."""

    name: str
    sha256: str
    same: float  # mean product of two groups' embeddings from which on they are one person


@dataclass(frozen=True, slots=True)
class Appearance:
    """One person of one clip."""

    file: Path  # of the result
    clip: int  # number of the clip in the file, from 0
    path: str  # of the clip, as its result names it
    person: Person
    spans: Spans  # when the person is in sight: first and last frame of each track

    @property
    def seconds(self) -> float:
        return sum(end - start for start, end in self.spans)

    @property
    def vector(self) -> Floats | None:
        embedding = self.person.embedding
        return None if embedding is None else np.array(embedding.vector, np.float32)

    def is_beside(self, other: Appearance) -> bool:
        """Whether both are in sight of one clip at the same time, so that they are two people."""
        if (self.file, self.clip) != (other.file, other.clip):
            return False
        return any(a <= d and c <= b for a, b in self.spans for c, d in other.spans)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the results hold. errors: files and clips that were passed over, a line each."""

    appearances: tuple[Appearance, ...]
    network: Network
    errors: tuple[InputError, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody, with all appearances in all clips. number: from 1; who is in most clips, then longest in sight."""

    number: int
    identity: str | None
    appearances: tuple[Appearance, ...]

    @property
    def clips(self) -> int:
        return len({(each.file, each.clip) for each in self.appearances})

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.appearances)

    @property
    def shares(self) -> dict[str, float]:
        """Emotion, or "uncertain" -> mean share of the time, appearances weighted by their seconds."""
        sums: dict[str, float] = {}
        total = 0.0
        for each in self.appearances:
            if shares := each.person.time_shares:
                weight = max(each.seconds, _MOMENT_S)
                total += weight
                for name, share in shares.items():
                    sums[name] = sums.get(name, 0.0) + weight * share
        return {name: each / total for name, each in sorted(sums.items(), key=lambda item: -item[1])}


def gather(files: Iterable[Path]) -> Gathered:
    """The people of all clips in these files of results. A file or a clip that is of no use is passed over and told.

    Raises InputError where nobody is left, OptionError for embeddings of different networks.
    """
    found: list[Appearance] = []
    errors: list[InputError] = []
    networks: dict[Network, str] = {}
    for file in files:
        try:
            for number, result in enumerate(read_answers(file)):
                if not result.people:
                    continue
                network = _network_of(result, file)
                networks.setdefault(network, str(file))
                found += _appearances(file, number, result)
        except InputError as error:
            errors.append(error)
    if len({network.sha256 for network in networks}) > 1:
        (one, first), (other, second), *_ = networks.items()
        raise OptionError(
            f"{first} has embeddings of the network {one.name} and {second} of {other.name}, which cannot be compared; "
            "make all results with the same --identity-model"
        )
    if not found:
        raise errors[0] if errors else InputError("the results show nobody; there is nobody to find again")
    sizes = {len(each.person.embedding.vector) for each in found if each.person.embedding is not None}
    if len(sizes) > 1:
        raise InputError(f"{found[0].file}: embeddings of different lengths ({sizes}) in results of one network")
    return Gathered(tuple(found), next(iter(networks)), tuple(errors))


def _network_of(result: ClipResult, file: Path) -> Network:
    """Raises InputError where a result holds no embeddings, or does not tell whose."""
    options, told = result.ran.get("options"), result.ran.get("identity")
    if not isinstance(options, Mapping) or options.get("identity_embeddings") is not True:
        raise InputError(f"{file}: {result.path} holds no embeddings of faces; {_MAKE}")
    try:
        assert isinstance(told, Mapping)
        network = Network(str(told["name"]), str(told["sha256"]), float(told["same"]))
        if not 0 < network.same <= 1:
            raise ValueError
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: {result.path} does not tell which network made its embeddings; {_MAKE}") from error
    return network


def _appearances(file: Path, number: int, result: ClipResult) -> list[Appearance]:
    spans: dict[int, list[tuple[float, float]]] = {}
    for track in result.tracks:
        spans.setdefault(track.person, []).append((track.start_s, track.end_s))
    return [
        Appearance(
            file, number, result.path, person, tuple(spans.get(person.id, [(person.start_s, person.end_s)]))
        )
        for person in result.people
    ]  # fmt: skip


def find_people(appearances: Sequence[Appearance], same: float, names: Mapping[int, str] | None = None) -> list[Found]:
    """Everybody, in order of number.

    names: place of an appearance -> the name that it is given; the others keep those of their results. Numbers are
    those without it, so that they can be used to give names.

    Raises OptionError for two of one name in sight at the same time.
    """
    own = {place: each.person.identity for place, each in enumerate(appearances) if each.person.identity is not None}
    groups = sorted(_groups(appearances, own, same), key=lambda places: _rank(appearances, places))
    if names is None:
        return [_found(number, places, appearances, own) for number, places in enumerate(groups, 1)]
    number_of = {place: number for number, places in enumerate(groups, 1) for place in places}
    every = own | dict(names)
    for places in groups:  # a name for one of them is for all of them, unless they have several
        if len(told := {every[place] for place in places if place in every}) == 1:
            every |= dict.fromkeys(places, *told)
    named, free = [], len(groups) + 1
    taken: set[int] = set()
    for places in sorted(_groups(appearances, every, same), key=lambda places: min(number_of[p] for p in places)):
        number = min(number_of[place] for place in places)
        if number in taken:  # names part what looks alike
            number, free = free, free + 1
        taken.add(number)
        named.append(_found(number, places, appearances, every))
    return sorted(named, key=lambda each: each.number)


def with_names(people: Sequence[Found], names: Mapping[int, str]) -> list[Found]:
    """The same people; those with a number in `names` get that name, and those of one name become one person."""
    joined: dict[str | int, Found] = {}
    for each in people:
        identity = names.get(each.number, each.identity)
        first = joined.get(identity or each.number)
        members = (*(first.appearances if first else ()), *each.appearances)
        named = tuple(replace(seen, person=replace(seen.person, identity=identity)) for seen in members)
        joined[identity or each.number] = Found(first.number if first else each.number, identity, named)
    return list(joined.values())


def _rank(appearances: Sequence[Appearance], places: Sequence[int]) -> tuple[int, float, int]:
    found = Found(0, None, tuple(appearances[place] for place in places))
    return -found.clips, -found.seconds, places[0]


def _found(number: int, places: Sequence[int], appearances: Sequence[Appearance], names: Mapping[int, str]) -> Found:
    identity = next((names[place] for place in places if place in names), None)
    members = (appearances[place] for place in places)
    return Found(
        number, identity, tuple(replace(each, person=replace(each.person, identity=identity)) for each in members)
    )


def _groups(appearances: Sequence[Appearance], names: Mapping[int, str], same: float) -> list[list[int]]:
    """Places of those who are one person. Who has no embedding is joined by name only."""
    named: dict[str, list[int]] = {}
    for place, name in names.items():
        named.setdefault(name, []).append(place)
    for name, places in named.items():
        for a, b in combinations(places, 2):
            if appearances[a].is_beside(appearances[b]):
                raise OptionError(
                    f"{appearances[a].path}: persons {appearances[a].person.id} and {appearances[b].person.id} are in "
                    f"sight at the same time and cannot both be {name}"
                )
    group_of = list(range(len(appearances)))
    known = [place for place, each in enumerate(appearances) if each.vector is not None]
    if known:
        row_of = {place: row for row, place in enumerate(known)}
        together, apart = _pairs(appearances, [[p for p in places if p in row_of] for places in named.values()])
        vectors = np.stack([vector for each in appearances if (vector := each.vector) is not None])
        rows = [
            [(row_of[a], row_of[b]) for a, b in pairs if a in row_of and b in row_of] for pairs in (apart, together)
        ]
        for place, group in zip(known, cluster(vectors, rows[0], same, rows[1]), strict=True):
            group_of[place] = known[group]
    for places in named.values():
        groups = {group_of[place] for place in places}
        group_of = [min(groups) if group in groups else group for group in group_of]
    members: dict[int, list[int]] = {}
    for place, group in enumerate(group_of):
        members.setdefault(group, []).append(place)
    return list(members.values())


def _pairs(
    appearances: Sequence[Appearance], named: Sequence[Sequence[int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Places that are of one person by name, and those that are not: by name, or seen at the same time."""
    together = [(places[0], place) for places in named for place in places[1:]]
    apart = [(a[0], b[0]) for a, b in combinations([places for places in named if places], 2)]
    in_clip: dict[tuple[Path, int], list[int]] = {}
    for place, each in enumerate(appearances):
        in_clip.setdefault((each.file, each.clip), []).append(place)
    for places in in_clip.values():
        apart += [(a, b) for a, b in combinations(places, 2) if appearances[a].is_beside(appearances[b])]
    return together, apart
