"""What a record of an operation holds, and rules that depend on how an operation is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from torch import fx

from pcmesh.errors import ConfigurationError

Where = Literal["analog", "digital", "folded", "moved"]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


class Rule(NamedTuple):
    """Where an operation is executed, and why; `cost` is its scalar operations for each output element."""

    where: Where
    why: str
    cost: float = 1.0


ELEMENT = "one operation for each element; tiles compute products only"
PAIR = "both factors are computed at run time, so neither can be programmed"

NOTHING_SUMMED: Final = Rule("digital", "scales by a weight: nothing is summed, as a column of a tile would")
OF_NO_WEIGHT: Final = Rule("digital", "its matrix is made by the network's code, of no weight, buffer or input")
WHOLE_NUMBERS: Final = Rule("digital", "a product of whole numbers, which tiles give only nearly")
COMPUTED_BIAS: Final = Rule("digital", "its bias is computed at run time, which pcmesh does not take apart from it")
FUSED: Final = Rule("digital", "attention stays in one piece, although some of its queries, keys or values are weights")
NOT_TAKEN_APART: Final = Rule("digital", "uses a weight in a way that pcmesh does not take apart into products")
ANY_OTHER: Final = Rule("digital", ELEMENT)
COMPUTED_FACTORS: Final = Rule("digital", PAIR)
CONSTANT: Final = Rule("folded", "depends on weights alone, so it is computed once, when compiling", 0.0)
BATCH_NORM_FOLDED: Final = Rule("folded", "into the affine map of the columns that make its input", 0.0)
ON_RAMP: Final[Mapping[str, Rule]] = {
    "relu": Rule("analog", "the ramp starts at zero, so that a negative sum makes no pulse", 0.0),
    "hard-sigmoid": Rule("analog", "comparators are enabled from its lower to its upper limit on the ramp", 0.0),
    "hard-tanh": Rule("analog", "comparators are enabled from its lower to its upper limit on the ramp", 0.0),
}
"""Activations that a column's ramp makes (`network.activation`)."""
MOVED: Final = Rule("moved", "moves data, computes nothing", 0.0)


Proven = Callable[[Any], bool]
"""Whether a node's value, a number, or every entry of a list can never be negative."""


@dataclass(frozen=True, kw_only=True)
class OperationRecord:
    """All that pcmesh knows of an operation (ATen or a package's own, by its name without namespace and overload).

    Attributes:
        digital: where it is executed if not as a product on tiles, and its scalar operations for each output element.
        analog: the rule where its product runs on tiles; None: it never does.
        rewrite: (node, context) -> the layer that stands in for it (`rewrite.Replacement`), or None where no factor is
            a weight. Networks that are captured by running keep it digital unless pcmesh itself knows it.
        sign: (node, proven) -> whether its result cannot be negative; `proven` asks the same of an argument.
        sign_on_tiles: whether that holds for its product on tiles, whose sums have noise.
        whole_numbers: whether that holds for integers with a sign, too, which wrap around.
        count: node -> its scalar operations in all, where they do not follow from the size of its result.
    """

    digital: Rule = ANY_OTHER
    analog: Rule | None = None
    rewrite: Callable[[fx.Node, Any], Any] | None = None
    sign: Callable[[fx.Node, Proven], bool] | None = None
    whole_numbers: bool = False
    sign_on_tiles: bool = False
    count: Callable[[fx.Node], float] | None = None

    def __post_init__(self) -> None:
        """Refuse a rewrite without a rule.

        Raises:
            ConfigurationError: it is so.
        """
        if self.rewrite is not None and self.analog is None:
            raise ConfigurationError("an operation with a rewrite has no rule for tiles", "Give `analog` as well")

    def rule(self, on_tiles: bool) -> Rule:
        """Return where it is executed, and why."""
        return self.analog if on_tiles and self.analog is not None else self.digital
