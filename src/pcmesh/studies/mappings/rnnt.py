"""Tiles, energy and word errors of the RNN-T's mappings, and the paper's choice beside the solver's.

    python -m pcmesh.studies.mappings.rnnt

Measures what rnnt-small loses with one matrix alone on chips in each way, lets the solver choose under budgets of
tiles, measures every choice, the paper's mapping and uniform ones as wholes, and prints the table. With the losses of
rnnt-small and the tiles of the paper's network it chooses under the paper's limits too. About 15 minutes on one core;
a run that is cut off goes on where it stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from pcmesh.analysis.front import by_tiles
from pcmesh.analysis.mapping_choice.candidates import Candidate
from pcmesh.analysis.mapping_choice.choose import Choice, choose
from pcmesh.errors import CapacityError
from pcmesh.files.writing import write_json, write_text
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping import Encoding
from pcmesh.reporting.drawings.pareto import PAPER, choice_table, pareto_figure, pareto_table
from pcmesh.studies.mappings.rnnt_mapper.choice import choice_under_paper_limits, comparison, paper_choice, plan_choice
from pcmesh.studies.mappings.rnnt_mapper.losses import Losses, measure_losses, validation_recordings
from pcmesh.studies.mappings.rnnt_mapper.ways import Ways
from pcmesh.studies.mappings.rnnt_mapper.whole import Bench
from pcmesh.versions import versions
from pcmesh.workloads.rnnt.held_out import synthetic_utterances
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings
from pcmesh.workloads.rnnt.widths import RnntWidths

Named = list[tuple[str, Ways, tuple[str, ...]]]


def mappings(found: Sequence[Candidate], widths: RnntWidths, chip: ChipSpec, full: Choice) -> Named:
    """Return the mappings to measure, each once, with where they come from.

    Args:
        found: all ways of all matrices of the network that is measured.
        widths: of that network.
        chip: the kind of chip.
        full: the choice for the paper's network under the paper's limits.
    """
    paper = paper_choice(found, widths, chip)
    listed: Named = [
        ("as in the paper", paper.layers, (PAPER,)),
        ("as in the paper, expanded", paper.layers | {FIRST: "AB,expand=1024"}, (PAPER,)),
        ("solver", full.layers, ("the paper's network, its limits",)),
    ]
    for tiles in budgets(found, paper.tiles):
        listed.append(("solver", choose(found, tiles).layers, (f"least loss, {tiles} tiles",)))
    frugal = choose(found, loss=paper.predicted_loss, least="energy_j")
    listed.append(("solver", frugal.layers, ("least energy, no more loss than the paper's",)))
    for encoding in Encoding:
        ways = {name: str(encoding) for name in paper.layers} | {FIRST: f"{encoding},copies=4"}
        listed.append((f"everything {encoding}", ways, ()))
    merged: dict[tuple[tuple[str, str], ...], tuple[str, Ways, tuple[str, ...]]] = {}
    for name, mapped, marks in listed:
        key = tuple(sorted(mapped.items()))
        before = merged.get(key, (name, mapped, ()))
        merged[key] = (before[0], mapped, (*before[2], *marks))
    return list(merged.values())


def budgets(found: Sequence[Candidate], paper: int) -> list[int]:
    """Return the numbers of tiles to choose for: the fewest, the paper's, the most that can help, and between them."""
    fewest, most = choose(found, least="tiles").tiles, choose(found).tiles
    return sorted({fewest, paper, (max(paper, fewest) + most) // 2, most})


def paper_network(losses: Losses, chip: ChipSpec) -> tuple[Choice, dict[str, Any]]:
    """Return the choice for the paper's network under the paper's limits, and what it is beside the paper's own."""
    widths = RnntWidths()
    found = losses.candidates(widths, chip)
    paper, chosen = paper_choice(found, widths, chip), choice_under_paper_limits(found, chip)
    try:
        routed = plan_choice(chosen, widths, chip)
        fits: dict[str, Any] = {"chips": routed.placement.chips, "tiles": len(routed.mapping.tiles), "routed": True}
    except CapacityError as error:
        fits = {"routed": False, "problem": str(error)}
    return chosen, {**comparison(paper, chosen), "placement": fits}


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything and return the result."""
    network, chip = load_speech_network(options.checkpoint), load_chip()
    training = calibration_features(None, 0)
    with synthetic_utterances(options.utterances) as listed, Progress(transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage)
            progress.update(tasks[stage], completed=done, total=total)

        recordings = load_recordings([one.path for one in listed], report)
        said = [one.text for one in listed]
        alone = validation_recordings(options.sentences, 0)
        losses = measure_losses(network, chip, alone, training, options.chips_alone, options.out / "alone", report)
        full, beside = paper_network(losses, chip)
        bench = Bench(network, chip, recordings, said, training, options.chips, options.out, report)
        named = mappings(losses.candidates(network.widths, chip), network.widths, chip, full)
        points = by_tiles([bench.measure(*one) for one in named])
        software = bench.software()
    return {
        "network": f"RNN-T of {network.parameters_total:,} parameters",
        "n_utterances": options.utterances,
        "n_sentences_alone": options.sentences,
        "chips": options.chips,
        "chips_alone": options.chips_alone,
        "software_wer": software,
        "points": [point.as_json(points) for point in points],
        "losses_alone": [
            {"matrix": matrix, "way": way, "nats_per_letter": list(values)}
            for (matrix, way), values in losses.of_chips.items()
        ],
        "paper_network": beside,
        "versions": versions(),
    }


def main() -> None:
    """Measure, print the tables, write result.json and pareto.svg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=200, help="synthetic sentences that whole mappings hear")
    parser.add_argument("--sentences", type=int, default=16, help="other sentences, for one matrix alone on the chip")
    parser.add_argument("--chips-alone", type=int, default=5, help="chip instances for those")
    parser.add_argument("--chips", type=int, default=5, help="chip instances of each mapping")
    parser.add_argument("--checkpoint", type=Path, help="another network than the one that ships")
    parser.add_argument("--out", type=Path, default=Path("runs/rnnt-pareto"), help="folder of all results")
    options = parser.parse_args()
    result = measure_all(options)
    write_json(options.out / "result.json", result)
    points, error, sample = result["points"], "word error rate", "an utterance"
    write_text(options.out / "pareto.svg", pareto_figure(points, error, sample, result["software_wer"]))
    print(f"software: {result['software_wer']:.2%}; {options.utterances} sentences, {options.chips} chips\n")
    print(pareto_table(points, error, sample), end="\n\n")
    print(choice_table(result["paper_network"]))


if __name__ == "__main__":
    main()
