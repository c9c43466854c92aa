"""What pcmesh has to say to each claim, by topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Found

Answer = Callable[[Experiments], Found]


def all_answers() -> Mapping[int, Answer]:
    """Return the answer to every claim, by its number."""
    from pcmesh.studies.paper.answers import chip, device, kws, mapping, performance, transducer

    groups = (chip, kws, transducer, mapping, device, performance)
    return {number: answer for group in groups for number, answer in group.ANSWERS.items()}
