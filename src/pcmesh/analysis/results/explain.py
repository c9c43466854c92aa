"""What a result says of itself: which imperfections were on, what limited it, and what to try next.

Everything follows from values in the result; what it does not hold is not said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pcmesh.durations import format_duration
from pcmesh.errors import InputError

_IMPERFECTIONS: Final = (
    ("Programming errors, drift and read noise of the devices", "pcm", ("law",)),
    ("Devices that are stuck", "pcm", ("stuck_low_probability", "stuck_high_probability")),
    ("Spread of the devices' largest conductance", "pcm", ("g_ceiling_spread",)),
    ("Drift, factor on the devices' law", "pcm", ("drift_scale",)),
    ("Weights clipped at the largest one", "programming", ("saturated_share",)),
    (
        "Mismatch of columns",
        "column",
        ("gain_sigma", "branch_asymmetry_sigma", "direction_asymmetry_sigma"),
    ),
    ("Compression of large currents", "column", ("compression",)),
    ("Comparator: offset and noise", "column", ("offset_sigma_mv", "noise_mv")),
    ("Bow of the ramp", "column", ("ramp_bow",)),
    ("Clocks and edges on the mesh", "mesh", ("hop_width_sigma_ns", "clock_ratio_sigma", "jitter_ns")),
)
_IDEAL_LAW: Final = "ideal"
_MADE_UP_FOR: Final = (
    ("balanced", "Asymmetry balance", "--no-ab"),
    ("calibrated", "Calibrated columns, bias rows and ReLU trim", "--no-calibration"),
    ("mesh", "Edges that shift on the mesh", "--no-mesh"),
    ("scale_columns", "A gain for each column", "--one-gain"),
)
_KNOWN: Final = ("chip_accuracy", "conditions", "chips")


@dataclass(frozen=True)
class Imperfection:
    """A group of the chip's keys: whether any is on, and their values as the result has them."""

    name: str
    on: bool
    values: str


@dataclass(frozen=True)
class Suggestion:
    """A command, and why it follows from the result."""

    command: str
    why: str


@dataclass(frozen=True)
class Explanation:
    """What a result says.

    Attributes:
        imperfections: of the chip that ran; empty where the result does not hold its chip.
        choices: techniques that were on or off.
        findings: what limited the result, sentences with its figures.
        suggestions: what to try next.
    """

    imperfections: tuple[Imperfection, ...]
    choices: tuple[tuple[str, bool], ...]
    findings: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "imperfections": [asdict(entry) for entry in self.imperfections],
            "choices": dict(self.choices),
            "findings": list(self.findings),
            "suggestions": [asdict(entry) for entry in self.suggestions],
        }


def explain(result: Mapping[str, Any], place: str = "RESULT") -> Explanation:
    """Explain a result of `pcmesh kws`, `pcmesh rnnt evaluate --engine chip` or `pcmesh evaluate`.

    Args:
        result: the result.
        place: where it is, for commands that read it.

    Raises:
        InputError: it is none of theirs, or lacks what theirs hold.
    """
    if not any(key in result for key in _KNOWN):
        raise InputError(
            f"this result has none of {', '.join(_KNOWN)}",
            "Give one of pcmesh kws, pcmesh rnnt evaluate --engine chip, or pcmesh evaluate",
        )
    try:
        return Explanation(
            tuple(_imperfections(result.get("chip"))),
            tuple(_choices(result)),
            tuple(_findings(result)),
            tuple(_suggestions(result, place)),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"this result lacks what results hold ({type(error).__name__}: {error})", "Run the command again"
        ) from error


def _imperfections(chip: Any) -> Iterator[Imperfection]:
    if not isinstance(chip, Mapping):
        return
    for name, table, keys in _IMPERFECTIONS:
        values = {key: chip[table][key] for key in keys}
        on = any(value not in (0, _IDEAL_LAW) for value in values.values())
        if table == "pcm" and keys == ("drift_scale",):
            on = on and chip["pcm"]["law"] != _IDEAL_LAW
        yield Imperfection(name, on, ", ".join(f"{key} = {value}" for key, value in values.items()))


def _choices(result: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    asked = result.get("configuration", {})
    for key, name, _ in _MADE_UP_FOR:
        if isinstance(asked.get(key), bool):
            yield name, asked[key]
    if isinstance(result.get("recalibrated"), bool):
        yield "Calibrated anew at that age", result["recalibrated"]


def _findings(result: Mapping[str, Any]) -> Iterator[str]:
    if "chip_accuracy" in result:
        yield from _keyword_findings(result)
    elif "conditions" in result:
        yield from _speech_findings(result)
    else:
        yield from _own_findings(result)
    if "layers" in result and len(result["layers"]) > 0:
        worst = max(result["layers"], key=lambda layer: float(layer["mac_sigma"]))
        least = min(result["layers"], key=lambda layer: float(layer["mac_sigma"]))
        yield (
            f"Products are furthest from software in {worst['name']}: MAC error {_percent(worst['mac_sigma'])} of full "
            f"scale ({worst['encoding']}); least in {least['name']}: {_percent(least['mac_sigma'])}"
        )
    if "analog_yield" in result:
        yield (
            f"{_percent(1 - result['analog_yield'])} of the weights are written worse than by 20 % of the largest; "
            f"the mean error is {_percent(result['mean_weight_error'])}"
        )
    age_s = result.get("time_since_programming_s")
    if age_s is not None:
        yield "Used as calibrated" if age_s == 0 else f"Used {format_duration(age_s)} after calibration"


def _keyword_findings(result: Mapping[str, Any]) -> Iterator[str]:
    chip, software, limit = result["chip_accuracy"], result["software_accuracy"], result["iso_limit"]
    mean, (low, high), count = chip["mean"], chip["ci95"], len(chip["per_chip"])
    yield f"Accuracy {_percent(mean)} on chips, {_percent(software)} in software: {100 * (mean - software):+.2f} points"
    if count < 2:
        yield "One chip: how much of that is this chip's own cannot be said"
    elif low <= limit <= high:
        yield (
            f"These {count} chips do not decide whether {_percent(limit)} (99 % of software) is reached: "
            f"95 % interval {_percent(low)} to {_percent(high)}"
        )
    else:
        side = "reached" if low > limit else "missed"
        yield f"{_percent(limit)} (99 % of software) is {side}: 95 % interval {_percent(low)} to {_percent(high)}"
    drift = result.get("figures", {}).get("drift", [])
    if len(drift) > 1:
        first, last = drift[0], drift[-1]
        yield (
            f"One chip goes from {_percent(first['accuracy'])} to {_percent(last['accuracy'])} after "
            f"{format_duration(last['time_s'])}; {_percent(last['accuracy_recalibrated'])} with bias rows calibrated "
            "anew"
        )


def _speech_findings(result: Mapping[str, Any]) -> Iterator[str]:
    conditions: Sequence[Mapping[str, Any]] = result["conditions"]
    whole = conditions[-1]
    yield (
        f"Word errors: {_percent(whole['wer']['mean'])} on chips, {_percent(result['software']['wer'])} in software "
        f"({100 * whole['increase']:+.2f} points with {', '.join(whole['layers'])})"
    )
    if len(conditions) > 1:
        worst = max(conditions, key=lambda entry: float(entry["increase"]))
        yield f"The largest increase, {100 * worst['increase']:+.2f} points, is with {', '.join(worst['layers'])}"
    if len(whole["wer"]["per_chip"]) < 2:
        yield "One chip: how much of that is this chip's own cannot be said"


def _own_findings(result: Mapping[str, Any]) -> Iterator[str]:
    chips = result["chips"]
    errors = [chip["error"] for chip in chips]
    yield f"Outputs differ by {min(errors):.3f} to {max(errors):.3f} of their own spread (chips: {len(chips)})"
    yield f"The same choice as software in at least {_percent(min(chip['same_choice'] for chip in chips))}"
    right = [c["chip_accuracy"] - c["software_accuracy"] for c in chips if c.get("chip_accuracy") is not None]
    if right:
        yield f"Accuracy on chips is {100 * sum(right) / len(right):+.2f} points against software, on average"
    yield f"{result['time']} after calibration"


def _suggestions(result: Mapping[str, Any], place: str) -> Iterator[Suggestion]:
    asked = result.get("configuration", {})
    if "chip_accuracy" in result:
        yield from _keyword_suggestions(result, asked, place)
    elif "conditions" in result:
        if len(result["conditions"][-1]["wer"]["per_chip"]) < 2:
            yield Suggestion("pcmesh rnnt evaluate --engine chip --chips 5", "one chip has no interval")
        if len(result["conditions"]) == 1:
            yield Suggestion("pcmesh rnnt evaluate --engine chip --cumulative", "says which layer costs how much")
        if result.get("time_since_programming_s", 0) > 0 and not asked.get("recalibrate"):
            yield Suggestion("pcmesh rnnt evaluate --engine chip --recalibrate", "devices have aged: give the same age")
    else:
        if len(result["chips"]) < 2:
            yield Suggestion("pcmesh evaluate DIR DATA --chips 5", "one chip has no spread")
        if result["time"] != "0s" and not result["recalibrated"]:
            yield Suggestion(f"pcmesh evaluate DIR DATA --time {result['time']} --recalibrate", "devices have aged")
        if max(chip["error"] for chip in result["chips"]) > 0:
            yield Suggestion("pcmesh choose FILE.py:FUNCTION --example ...", "another mapping may lose less")


def _keyword_suggestions(result: Mapping[str, Any], asked: Mapping[str, Any], place: str) -> Iterator[Suggestion]:
    same = _options(asked)
    if len(result["chip_accuracy"]["per_chip"]) < 2:
        more = _options({**asked, "chips": None})
        yield Suggestion(f"pcmesh kws{more} --out runs/kws-chips", "one chip has no interval; this takes five")
    for key, name, flag in _MADE_UP_FOR[:2]:
        if asked.get(key) is False:
            yield Suggestion(f"pcmesh kws{same} --out runs/kws-with", f"the same chips; {name} was off ({flag})")
            yield Suggestion(f"pcmesh compare {place} runs/kws-with", "is the difference clear?")
    if any(entry.on for entry in _imperfections(result.get("chip"))):
        yield Suggestion(f"pcmesh kws{same} --chip ideal --out runs/kws-ideal", "the same words without imperfections")
        yield Suggestion(f"pcmesh compare {place} runs/kws-ideal", "is the difference clear?")
    if result["chip_accuracy"]["mean"] < result["software_accuracy"]:
        worst = max(result["layers"], key=lambda layer: float(layer["mac_sigma"]))["name"]
        yield Suggestion("pcmesh sensitivity kws", f"does it matter that {worst} has the largest MAC error?")
        yield Suggestion(f"pcmesh kws techniques{same}", "what is each technique worth on the same chips?")


def _options(asked: Mapping[str, Any]) -> str:
    """Return the options that give the same words and chips again."""
    usual = {"utterances": None, "chips": 5, "seed": 0, "data": None, "split": "test"}
    given = {key: asked.get(key, value) for key, value in usual.items()}
    return "".join(
        f" --{key} {shlex.quote(str(value))}" for key, value in given.items() if value not in (None, usual[key])
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
