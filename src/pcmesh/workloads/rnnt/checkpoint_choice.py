"""Which weights a training script saved: below which entry, under which prefix, averaged or not."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pcmesh.errors import InputError, Notice
from pcmesh.workloads.rnnt.checkpoint_layout import module_key, published_shapes
from pcmesh.workloads.rnnt.widths import RnntWidths

_DEPTH = 5
_AVERAGED = re.compile(r"(^|[._\W])(ema|swa|averaged?|avg|shadow)([._\W]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class SavedWeights:
    """Weights of one network in a checkpoint.

    Attributes:
        place: where they stand: names of entries, then the prefix of the keys.
        tensors: the weights without the prefix.
    """

    place: str
    tensors: Mapping[str, Any]

    @property
    def averaged(self) -> bool:
        """Whether they are a moving average over the training, as their name says."""
        return _AVERAGED.search(self.place) is not None

    def same(self, other: SavedWeights) -> bool:
        """Whether other weights are equal to these."""
        return self.tensors.keys() == other.tensors.keys() and all(
            value is other.tensors[key] or _equal(value, other.tensors[key]) for key, value in self.tensors.items()
        )


def choose_weights(content: Mapping[Any, Any], name: str) -> Mapping[str, Any]:
    """Return the weights of the one network in a checkpoint, its averaged ones where there are some (with a notice).

    Prefixes (`module.` of DistributedDataParallel, `_orig_mod.` of torch.compile, `model.`, ...) are taken off.

    Args:
        content: what was saved: tensors, or entries that hold them (`state_dict`, `model`, `ema_state_dict`, ...).
        name: of the file, for messages.

    Raises:
        InputError: it holds several networks, and none or several of them are averaged.
    """
    networks = list(_networks(content, ""))
    if not networks:
        inner = content.get("state_dict", content)
        return inner if isinstance(inner, Mapping) else content
    averaged = [network for network in networks if network.averaged]
    chosen, *others = averaged or networks
    if not all(chosen.same(other) for other in others):
        raise InputError(
            f"{name}: holds {len(networks)} networks ({', '.join(network.place for network in networks)})",
            "Save the one that is meant alone",
        )
    if averaged and len(averaged) < len(networks):
        raw = next(network.place for network in networks if not network.averaged)
        warnings.warn(
            Notice(f"{name}: takes the averaged weights {chosen.place!r}, not {raw!r} beside them"), stacklevel=2
        )
    return chosen.tensors


def _networks(entries: Mapping[Any, Any], place: str, depth: int = 0) -> Iterator[SavedWeights]:
    """Yield the networks in nested entries; a network has more than half of the keys."""
    prefixes = _prefixes([key for key in entries if isinstance(key, str)])
    for prefix in prefixes:
        foreign = tuple(other for other in prefixes if other.startswith(prefix) and other != prefix)
        own = {
            key[len(prefix) :]: value
            for key, value in entries.items()
            if isinstance(key, str) and key.startswith(prefix) and not (foreign and key.startswith(foreign))
        }
        yield SavedWeights((place + prefix).rstrip(".") or "the top level", own)
    if depth < _DEPTH and not prefixes:
        for key, value in entries.items():
            if isinstance(value, Mapping):
                yield from _networks(value, f"{place}{key}.", depth + 1)


def _equal(one: Any, other: Any) -> bool:
    return isinstance(one, Tensor) and isinstance(other, Tensor) and torch.equal(one, other)


def _prefixes(keys: Sequence[str]) -> list[str]:
    known = [key for name in published_shapes(RnntWidths()) for key in {name, module_key(name)}]
    counts = Counter(key.removesuffix(end) for key in keys for end in known if key.endswith(end))
    most = len(published_shapes(RnntWidths())) // 2
    return sorted(prefix for prefix, count in counts.items() if count > most and prefix[-1:] in ("", "."))
