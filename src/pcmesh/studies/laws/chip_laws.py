"""Laws of the chip itself: transport of durations, and the tile's efficiency (paper: Fig. 2d, 6c)."""

from __future__ import annotations

from pcmesh.analysis.laws.estimates import mean_of
from pcmesh.analysis.laws.law import Sight
from pcmesh.physics.fabrication import Instance
from pcmesh.studies.laws.options import Setting
from pcmesh.studies.transport import RANGES_NS, measure_transport

SHORT, LONG = RANGES_NS[0], RANGES_NS[-1]


def transport(setting: Setting) -> Sight:
    """Send random durations from one landing pad to all, over several dies; take the largest error of each range."""
    kept, options = setting.kept("transport"), setting.options
    for number in range(options.dies):
        setting.report("transport", number, options.dies)
        if kept.get(f"die {number}") is None:
            found = measure_transport(setting.chip, Instance(options.seed + number), ranges_ns=RANGES_NS)
            kept.put(f"die {number}", {str(one.max_duration_ns): one.max_error_ns for one in found.ranges})
    setting.report("transport", options.dies, options.dies)
    dies = [kept.measured(f"die {number}") for number in range(options.dies)]
    errors = {limit: [float(die[str(limit)]) for die in dies] for limit in RANGES_NS}
    means = ", ".join(f"{sum(values) / len(values):.1f}" for values in errors.values())
    note = f"ns, largest of a million durations to {SHORT} and to {LONG} ns; all ranges: {means}; dies: {options.dies}"
    return Sight((mean_of(errors[SHORT]), mean_of(errors[LONG])), note, {"largest_ns": errors})
