"""Tables of `pcmesh perf`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from pcmesh.cli.output import table


def perf_tables(result: dict[str, Any], details: bool) -> Iterator[Table]:
    """Yield the tables of a result; those of what is counted with only when asked for."""
    if "sample" in result:
        yield from _own_network(result)
        if "per_chip" in result:
            yield _chips(result)
        yield _shares(result["energy"])
        if details:
            yield from _costs(result)
        return
    yield _overview(result)
    yield _chips(result)
    yield _shares(result["energy"])
    if "comparison" in result:
        yield _comparison(result)
    if "fit" in result:
        yield from _fit(result["fit"])
    if details:
        yield from _costs(result)


def _overview(result: dict[str, Any]) -> Table:
    variants: dict[str, dict[str, Any]] = result["variants"]
    options = result["options"]
    how = ["overlapping" if options["overlap"] else "one after the other"]
    how += [f"all layers {options['encoding']}"] * bool(options["encoding"])
    how += ["serial decoder"] * (options["decoder"] == "serial") + ["over the bench's link"] * options["link"]

    def row(name: str, form: str, *keys: str) -> tuple[str, ...]:
        cells = []
        for value in variants.values():
            found: Any = value
            for key in keys:
                found = found[key]
            cells.append("-" if found != found else form.format(found))
        return (name, *cells)

    rows = [
        row("Time, one after the other", "{:.5g} s", "time_s", "no_overlap"),
        row("Time, overlapping", "{:.5g} s", "time_s", "overlap"),
        row("Samples per second", "{:,.1f}", "samples_per_s"),
        row("Mean time of a sample", "{:,.1f} µs", "mean_sample_us"),
        row("Real-time factor", "{:.2e}", "real_time_factor"),
        row("Analog operations", "{:,}", "operations"),
        row("Digital operations", "{:,}", "digital", "operations"),
        row("Analog to digital", "{:.1f} : 1", "digital", "ratio"),
        row("Rate", "{:.4g} TOPS", "tops"),
        row("Energy", "{:.4g} J", "energy_j"),
        row("  of it digital", "{:.3g} J", "energy", "digital_j"),
        row("Power", "{:.3f} W", "power_w"),
        row("Chips alone", "{:.3f} TOPS/W", "energy", "chips_tops_per_w"),
        row("With the digital side", "{:.3f} TOPS/W", "tops_per_w"),
        row("Samples per second and watt", "{:,.1f}", "samples_per_s_per_w"),
    ]
    if "mac" in result:
        rows.append(("Error of products (σ)", *(f"{100 * result['mac']['sigma']:.2f} %" for _ in variants)))
    if "accuracy" in result:
        rows += _accuracy(result["accuracy"], list(variants))
    return table(f"{result['network']} on {result['chip']}: {', '.join(how)}", ("", *variants), rows)


def _own_network(result: dict[str, Any]) -> Iterator[Table]:
    """Yield the tables of a chip model."""
    sample, data = result["sample"], result["data"]["described"]
    how = "overlapping" if result["options"]["overlap"] else "one after the other"
    how += ", over the bench's link" * result["options"]["link"]
    rows = [
        ("Time of a sample alone, to its last code", f"{1e6 * sample['latency_s']:,.2f} µs"),
        ("  digital time behind it", f"{1e6 * sample['after_s']:,.2f} µs"),
        ("  when layers work at once, every", f"{1e6 * sample['interval_s']:,.2f} µs"),
        (f"Time of {data}", f"{result['total_time_s']:.5g} s"),
        ("Samples per second", f"{result['samples_per_s']:,.1f}"),
        ("Analog operations", f"{result['operations']:,.0f}"),
        ("Digital operations", f"{result['digital']['operations']:,.0f}"),
        ("Rate", f"{result['tops']:.4g} TOPS"),
        ("Energy", f"{result['energy_j']:.4g} J"),
        ("  counted by", sample["energy_by"]),
        ("  of it digital", f"{result['energy']['digital_j']:.3g} J"),
        ("Power", f"{result['power_w']:.4g} W"),
        ("Chips alone", f"{result['energy']['chips_tops_per_w']:.3f} TOPS/W"),
        ("With the digital side", f"{result['tops_per_w']:.3f} TOPS/W"),
        ("Samples per second and watt", f"{result['samples_per_s_per_w']:,.1f}"),
    ]
    if "mac" in result:
        rows.append(("Error of products (σ)", f"{100 * result['mac']['sigma']:.2f} %"))
    if "accuracy" in result:
        rows += [(name, value) for name, value in _accuracy(result["accuracy"], [result["variant"]])]
    yield table(f"{result['network']} on {result['chip']}: {data}, {how}", ("", ""), rows)
    total = sum(entry["energy_j"] for entry in result["per_layer"])
    layers = [
        (
            entry["layer"],
            entry["tiles"],
            f"{entry['vectors']:,.0f}",
            entry["steps"],
            f"{entry['energy_j']:.3g}",
            f"{100 * entry['energy_j'] / total:.1f} %",
        )
        for entry in result["per_layer"]
    ]
    yield table("Layers", ("Layer", "Tiles", "Vectors", "Steps each", "Energy, J", "Share"), layers)


def _accuracy(found: dict[str, dict[str, Any]], variants: list[str]) -> list[tuple[str, ...]]:
    """Return rows with what a network does on the same chips, in the column of the variant that it was measured of."""
    ((chosen, one),) = found.items()
    what = "Accuracy" if one["metric"] == "accuracy" else "Word errors"
    network = "" if one["network"] == "kws" else f" of {one['network']}"
    low, high = (100 * value for value in one["ci95"])
    shown = {
        f"{what}{network} in software": f"{100 * one['software']:.2f} %",
        f"  on {len(one['per_chip'])} such chips ({one['data']})": f"{100 * one['mean']:.2f} %",
        "  95 % interval of that": f"{low:.2f} to {high:.2f} %",
    }
    return [(name, *(value if variant == chosen else "" for variant in variants)) for name, value in shown.items()]


def _chips(result: dict[str, Any]) -> Table:
    names = ("Chip", "Layers", "Runs", "ns each", "Next, ns", "Busy", "Energy, J", "W running", "TOPS/W")
    rows = [
        (
            entry["chip"],
            ", ".join(entry["layers"]),
            f"{entry['runs']:,.0f}",
            f"{entry['operation_ns']:,}",
            "-" if entry["period_ns"] is None else f"{entry['period_ns']:,}",
            f"{100 * entry['activity']:.1f} %",
            f"{entry['energy_j']:.3g}",
            f"{entry['running_power_w']:.3f}",
            f"{entry['tops_per_w']:.2f}",
        )
        for entry in result["per_chip"]
    ]
    return table(f"Chips ({result['variant']}), {result['data']['described']}", names, rows)


def _shares(energy: dict[str, Any]) -> Table:
    total = energy["total_j"]
    rows = [
        (axis, name, f"{joule:.4g}", f"{100 * joule / total:.1f} %")
        for axis in ("supply", "phase")
        for name, joule in energy[f"by_{axis}_j"].items()
        if joule > 0
    ]
    return table("Where the energy goes", ("By", "", "J", "Share"), rows)


def _comparison(result: dict[str, Any]) -> Table:
    rows = [
        (
            entry["name"] + (" (edge)" if entry["edge"] else ""),
            f"{entry['samples_per_s']:,.1f}",
            f"{entry['power_w']:,.1f}",
            f"{entry['samples_per_s_per_w']:.2f}",
            f"{entry['improvement']:.1f}",
        )
        for entry in result["comparison"]["systems"]
    ]
    own = (
        f"these chips, {result['variant']}",
        f"{result['samples_per_s']:,.1f}",
        f"{result['power_w']:.2f}",
        f"{result['samples_per_s_per_w']:.2f}",
        "1.0",
    )
    names = ("System", "Samples/s", "W", "Samples/s/W", "These chips, times")
    return table("MLPerf v2.1, RNN-T Offline with power", names, [*rows, own])


def _fit(fit: dict[str, Any]) -> Iterator[Table]:
    rows = [
        (
            f"{entry['name']}, {entry['unit']}",
            f"{entry['published']:g}",
            f"{entry['fitted']:.4g}",
            "fitted" if entry["role"] == "fitted to" else _deviation(entry["fitted"], entry["published"]),
            f"{entry['left_out']:.4g}",
            _deviation(entry["left_out"], entry["published"]),
            f"{entry['lowest']:.3g} to {entry['highest']:.3g}",
        )
        for entry in fit["figures"]
    ]
    names = ("Figure", "Paper", "Fit", "", "Left out", "", "Possible without it")
    yield table("Published figures: fit, and predicted by the others", names, rows)
    shares = [
        (
            entry["name"],
            f"{100 * entry['fitted_share']:.1f} %",
            f"{100 * entry['lowest_share']:.0f} to {100 * entry['highest_share']:.0f} %",
        )
        for entry in fit["freedom"]
    ]
    title = f"What {fit['independent_figures']} independent figures leave open: shares of chip 4's energy"
    yield table(title, ("Cost", "Fit", "Possible"), shares)
    others = [(name, f"{100 * deviation:+.1f} %") for name, deviation in fit["by_time"].items()]
    yield table("Another structure: the 0.8 V charged by time, not by vectors sent", ("Predicted", "Off by"), others)


def _deviation(value: float, published: float) -> str:
    return f"{100 * (value / published - 1):+.1f} %"


def _costs(result: dict[str, Any]) -> Iterator[Table]:
    entries = [(c["name"], c["supply"], f"{c['pj']:.4g}", c["standing"], c["note"]) for c in result["energy"]["costs"]]
    yield table("Energies", ("", "Supply", "pJ each", "Standing", "What"), entries)
    counted = [(c["thing"], c["operations"], c["standing"], c["note"]) for c in result["digital"]["costs"]]
    if result["digital"]["operations"]:
        yield table("Digital operations counted per", ("", "Operations", "Standing", "Note"), counted)
