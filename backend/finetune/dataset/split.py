"""Which files are for training and which for validation. Pure."""

import hashlib
from collections.abc import Mapping, Sequence


def part_of(repo: str, path: str, seed: int) -> float:
    """A number from 0 to 1 (excluded) that depends on a file's name alone, so that it stays on its side."""
    digest = hashlib.sha256(f"{seed}\0{repo}\0{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def validation_groups(groups: Mapping[int, tuple[str, str]], share: float, seed: int) -> frozenset[int]:
    """The groups whose files are for validation.

    ``groups`` gives for each group the (repo, path) of its first file. Something is left for training, and if there
    are two groups and validation is asked for, something is for that.
    """
    places = {group: part_of(*name, seed) for group, name in groups.items()}
    chosen = {group for group, place in places.items() if place < share}
    order: Sequence[int] = sorted(places, key=lambda group: (places[group], groups[group]))
    if groups and len(chosen) == len(groups):
        chosen.remove(order[-1])
    elif share and not chosen and len(groups) > 1:
        chosen = {order[0]}
    return frozenset(chosen)
