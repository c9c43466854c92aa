"""Published RNN-T systems, for comparison: samples per second and watt."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from pydantic import Field

from pcmesh.files.artefact import Artefact


class System(Artefact):
    """One submission; `edge`: of the edge division's machines, not a data centre's."""

    name: str
    samples_per_s: float = Field(gt=0)
    power_w: float = Field(gt=0)
    edge: bool

    @property
    def samples_per_s_per_w(self) -> float:
        """Throughput per power."""
        return self.samples_per_s / self.power_w


class Submissions(Artefact):
    """All systems and where their figures come from."""

    source: str
    system: tuple[System, ...]

    @property
    def best(self) -> System:
        """The data centre's system with the most samples per second and watt."""
        return max((entry for entry in self.system if not entry.edge), key=lambda entry: entry.samples_per_s_per_w)


@cache
def load_submissions() -> Submissions:
    """Return the systems that ship as data."""
    text = (resources.files("pcmesh.performance") / "mlperf.toml").read_text(encoding="utf-8")
    return Submissions.model_validate(tomllib.loads(text))


def comparison(samples_per_s: float, power_w: float) -> dict[str, Any]:
    """Return a system's throughput per power beside the published ones, as plain data."""
    submissions = load_submissions()
    own = samples_per_s / power_w
    return {
        "source": submissions.source,
        "best": submissions.best.name,
        "improvement": own / submissions.best.samples_per_s_per_w,
        "systems": [
            {
                **entry.model_dump(),
                "samples_per_s_per_w": entry.samples_per_s_per_w,
                "improvement": own / entry.samples_per_s_per_w,
            }
            for entry in sorted(submissions.system, key=lambda entry: entry.samples_per_s_per_w)
        ],
    }
