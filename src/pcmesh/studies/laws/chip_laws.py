"""Laws of the chip itself: transport of durations, and the tile's efficiency (paper: Fig. 2d, 6c)."""

from __future__ import annotations

from pcmesh.analysis.laws.estimates import exactly, one_more_of
from pcmesh.analysis.laws.law import Sight
from pcmesh.performance.costs import load_costs
from pcmesh.physics.fabrication import Instance
from pcmesh.studies.laws.options import Setting
from pcmesh.studies.transport import RANGES_NS, measure_transport
from pcmesh.workloads.rnnt.compiled.footprint import plan_rnnt
from pcmesh.workloads.rnnt.compiled.published import tile_efficiency
from pcmesh.workloads.rnnt.widths import RnntWidths

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
    return Sight((one_more_of(errors[SHORT]), one_more_of(errors[LONG])), note, {"largest_ns": errors})


def tile_energy(setting: Setting) -> Sight:
    """Count what the tiles of chip 4 do for the paper's RNN-T, times their costs, conduction among them."""
    kept = setting.kept("tile energy")
    if kept.get("tile") is None:
        setting.report("tile energy", 0, 1)
        kept.put("tile", tile_efficiency(plan_rnnt(RnntWidths(), setting.chip), load_costs(), setting.options.seed))
        setting.report("tile energy", 1, 1)
    efficiency, conducted = kept.measured("tile")
    note = f"{100 * conducted:.0f} % of the 1.5-V energy is conducted by the devices (conductances of their targets)"
    return Sight((exactly(efficiency),), note)
