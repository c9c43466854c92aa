"""Tables of the laws, of an error budget, and of the fitted constants."""

from __future__ import annotations

from typing import Any

from pcmesh.cli.output import console, table


def show_laws(result: dict[str, Any]) -> None:
    """Print one row a law; of those that do not agree what was measured."""
    rows = [
        (one["observation"], _paper(one), _ours(one), one["standing"], _agrees(one["agrees"])) for one in result["laws"]
    ]
    chips = result["configuration"]["chips"]
    title = f"The chip's laws on {result['chip']}, {chips} chips in every arm; {result['data']}"
    console().print(table(title, ("Law", "Paper", "Twin (95 % interval)", "Standing", "Agrees"), rows))
    for one in result["laws"]:
        if one["agrees"] is not True and one["note"]:
            console().print(f"{one['observation']}: {one['note']}", markup=False)
    for standing in ("predicted", "fitted"):
        found = result[standing]
        text = f"{found['agree']} agree, {found['disagree']} do not, {found['not_decided']} not decided"
        console().print(f"{standing.capitalize()}: {text}")


def _agrees(value: bool | None) -> str:
    return "not decided" if value is None else "yes" if value else "NO"


def _paper(one: dict[str, Any]) -> str:
    if one["said"]:
        return str(one["said"])
    sign = {"equal": "", "at most": "≤ ", "at least": "≥ "}[one["rule"]]
    return sign + _values(one["paper"]) + (f" {one['unit']}" if one["unit"] else "")


def _ours(one: dict[str, Any]) -> str:
    if one["ours"] is None:
        return "-"
    single = not isinstance(one["ours"], list)
    pairs = zip(*(([one[name]] if single else one[name]) for name in ("ours", "ci95")), strict=True)
    shown = "; ".join(_estimate(value, interval) for value, interval in pairs)
    return shown + (f" {one['unit']}" if one["unit"] else "")


def _estimate(value: float, interval: list[float] | None) -> str:
    if interval is None or interval[0] == interval[1]:
        return f"{value:.3g}"
    return f"{value:.3g} ({interval[0]:.3g} to {interval[1]:.3g})"


def _values(values: float | list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in (values if isinstance(values, list) else [values]))


def show_budget(result: dict[str, Any]) -> None:
    """Print where the error of a layer comes from."""
    for one in result["budget"]:
        sigma = 100 * one["variance"]["mean"] ** 0.5
        rows = [(row["name"], _share(row["alone"]), _share(row["without"])) for row in one["rows"]]
        title = f"{result['layer']}, {one['encoding']}: σ of the error {sigma:.2f} % of that of the products"
        console().print(table(title, ("Source", "Alone, % of the variance", "Gone without it, %"), rows))
    console().print(f"Chips: {result['chips']}. Interaction: what is missing to 100 %, or more than it.")


def show_fit(result: dict[str, Any]) -> None:
    """Print the fitted constants, and the laws without each of them."""
    rows = []
    for one in result["constants"]:
        again = "not within its ends" if one["again"] is None else f"{one['again']:.3g}"
        rows.append((one["key"], one["law"], f"{one['in_chip']:.3g}", again, f"{one['before']:.3g}"))
    names = ("Constant", "Fitted to", "In the chip file", "Fitted again", "Without the fit")
    console().print(table(f"Fitted constants of {result['chip']}", names, rows))
    found = [(one["observation"], _paper(one), _ours(one), _agrees(one["agrees"])) for one in result["laws"]]
    console().print(table("With all of them", ("Law", "Paper", "Twin", "Agrees"), found))
    for constant in result["constants"]:
        found = [(one["observation"], _paper(one), _ours(one), _agrees(one["agrees"])) for one in constant["laws"]]
        title = f"Without the fit to {constant['law']}: {constant['key']} = {constant['before']:g}"
        console().print(table(title, ("Law", "Paper", "Twin", "Agrees"), found))


def _share(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    interval = "" if found["ci95"] is None else f" ({100 * found['ci95'][0]:.1f} to {100 * found['ci95'][1]:.1f})"
    return f"{100 * found['mean']:.1f}{interval}"
