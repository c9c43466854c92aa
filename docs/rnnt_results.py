"""Run the experiments of docs/rnnt-on-chip.md and write its tables anew: `make rnnt-results`.

A run that is cut off goes on where it stopped: each experiment's result is kept in runs/rnnt-results.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from pcmesh.files.writing import write_json, write_text
from pcmesh.mapping import Encoding
from pcmesh.workloads.rnnt.held_out import synthetic_utterances
from pcmesh.workloads.rnnt.listening.transcribe import HARDWARE_AWARE, load_speech_network
from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, evaluate_on_chip
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings

ROOT = Path(__file__).resolve().parents[1]
PAGE, RUNS = ROOT / "docs" / "rnnt-on-chip.md", ROOT / "runs" / "rnnt-results"
WEEK_S = 604_800.0
FIRST = ("enc-lstm0",)


@dataclass(frozen=True)
class Experiment:
    """One invocation of `pcmesh rnnt evaluate --engine chip`."""

    name: str
    title: str
    options: ChipOptions
    command: str = ""
    checkpoint: Path | None = None


def experiments(chips: int) -> list[Experiment]:
    """Return what is run, in the order of the page."""

    def one(name: str, title: str, command: str, checkpoint: Path | None = None, **options: Any) -> Experiment:
        chosen = ChipOptions(chips=chips, work=RUNS / "work", mesh=False, **options)
        return Experiment(name, title, chosen, command, checkpoint)

    week, anew = {"time_s": WEEK_S}, {"time_s": WEEK_S, "recalibrate": True}
    expected = {"time_s": WEEK_S, "expect_drift": True}
    later = "--time-since-programming 1w"
    fitted, enlarged = f"{later} --recalibrate", f"{later} --expect-drift"
    found = [
        one("each", "each layer alone", "--each", mode="each"),
        one("all", "everything", "--layers all"),
        one("one-gain", "everything, one gain for a layer", "--one-gain", scale_columns=False),
        one("week", "everything, a week later", later, **week),
        one("week-expected", "the same, products enlarged as drift is expected", enlarged, **expected),
        one("week-recalibrated", "the same, read-out fitted anew", fitted, **anew),
        one("expanded", "everything, Enc-LSTM0 expanded to 1,024 rows", "--expand 1024", expand=1024),
    ]
    for encoding in (Encoding.PCM2, Encoding.PCM4, Encoding.AB):
        command = f"--encoding {encoding}"
        found.append(one(f"all-{encoding}", f"everything in {encoding}", command, encoding=encoding))
    for copies in (1, 2, 4):
        rows = 240 * copies
        command = f"--layers enc-lstm0 --copies {copies}"
        found.append(one(f"copies-{copies}", f"{rows} rows, copies", command, layers=FIRST, copies=copies))
    for rows in (480, 720, 1024):
        command = f"--layers enc-lstm0 --expand {rows}"
        found.append(one(f"expand-{rows}", f"{rows:,} rows, expansion", command, layers=FIRST, expand=rows))
    aware = "--checkpoint hardware-aware"
    found += [
        one("aware-cumulative", "", f"{aware} --cumulative", HARDWARE_AWARE, mode="cumulative"),
        one("aware-week", "everything, trained, a week later", f"{aware} {later}", HARDWARE_AWARE, **week),
        one(
            "aware-expected",
            "the same, products enlarged as drift is expected",
            f"{aware} {enlarged}",
            HARDWARE_AWARE,
            **expected,
        ),
        one("aware-anew", "the same, read-out fitted anew", f"{aware} {fitted}", HARDWARE_AWARE, **anew),
    ]
    return found


def kept_at(experiment: Experiment, utterances: int) -> Path:
    """Return where an experiment's result is kept."""
    return RUNS / f"{experiment.name}-{utterances}x{experiment.options.chips}.json"


def run(experiment: Experiment, utterances: int) -> dict[str, Any]:
    """Run an experiment and return its result."""
    network = load_speech_network(experiment.checkpoint)
    with synthetic_utterances(utterances) as listed, Progress(transient=True) as progress:
        task = progress.add_task(experiment.name)

        def report(step: str, done: int, total: int) -> None:
            progress.update(task, description=f"{experiment.name}: {step}", completed=done, total=total)

        recordings = load_recordings([one.path for one in listed], report)
        training = calibration_features(None, experiment.options.seed)
        said = [one.text for one in listed]
        return evaluate_on_chip(network, recordings, said, training, experiment.options, report)


def row(name: str, result: dict[str, Any], condition: dict[str, Any], command: str) -> str:
    """Return one line of a table."""
    low, high = condition["wer"]["ci95"]
    ratio = condition["accuracy_of_software"]
    return (
        f"| {name} | {result['tiles']} | {100 * result['software']['wer']:.2f} | {100 * condition['wer']['mean']:.2f} "
        f"| {100 * low:.2f} to {100 * high:.2f} | {100 * condition['increase']:+.2f} | {100 * ratio:.1f} % "
        f"| `{command}` |"
    )


def lines(experiment: Experiment, result: dict[str, Any]) -> list[str]:
    """Return the lines of one experiment."""
    conditions = result["conditions"]
    if len(conditions) == 1:
        return [row(experiment.title, result, conditions[0], experiment.command)]
    before = "trained for the chip: + " if experiment.options.mode == "cumulative" else ""
    names = [f"{before}{one['layers'][-1]}" for one in conditions]
    return [row(name, result, one, experiment.command) for name, one in zip(names, conditions, strict=True)]


def table(found: Sequence[tuple[Experiment, dict[str, Any]]]) -> str:
    """Return the page's table."""
    head = "| on the chip | tiles | software WER, % | chip WER, % | 95 % interval | points | of software's | options |"
    body = [line for experiment, result in found for line in lines(experiment, result)]
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---|", *body])


def main() -> None:
    """Run what is missing and write the page from all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=200, help="synthetic held-out sentences")
    parser.add_argument("--chips", type=int, default=5, help="chip instances")
    parser.add_argument("--only", nargs="*", help="run only these; without, all")
    chosen = parser.parse_args()
    found = []
    for experiment in experiments(chosen.chips):
        kept = kept_at(experiment, chosen.utterances)
        if not kept.is_file() and (not chosen.only or experiment.name in chosen.only):
            write_json(kept, run(experiment, chosen.utterances))
        if kept.is_file():
            result = json.loads(kept.read_text())
            print("\n".join(lines(experiment, result)), flush=True)
            found.append((experiment, result))
    text = f"{chosen.utterances:,} synthetic utterances, {chosen.chips} chip instances.\n\n{table(found)}\n"
    page = PAGE.read_text(encoding="utf-8")
    marked = re.compile(r"(<!-- results -->\n).*?(<!-- end -->)", re.DOTALL)
    write_text(PAGE, marked.sub(lambda match: f"{match[1]}{text}{match[2]}", page))


if __name__ == "__main__":
    main()
