"""`pcmesh rnnt evaluate`: word error rates, in software and with layers on simulated chips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pcmesh.cli.output import console, facts, progress, table, write_report, write_result
from pcmesh.cli.paths import check_folder, finite, folder_target, input_file, input_folder
from pcmesh.cli.workloads import rnnt_options as options
from pcmesh.durations import format_duration, parse_duration

if TYPE_CHECKING:
    from pcmesh.speech.corpora import Utterance
    from pcmesh.speech.sentences import HeldOutSplit
    from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, Mode

LONGEST_S = 15.0
OUT = Path("runs/rnnt")
_MODES: Mapping[tuple[bool, bool], Mode] = {
    (False, False): "together",
    (True, False): "each",
    (False, True): "cumulative",
    (True, True): "each and cumulative",
}


def evaluate_set(
    data: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder,
            metavar="DIR",
            help="LibriSpeech's folders, or a folder with a tsv (path<TAB>text). Without: synthetic sentences.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            callback=input_file, metavar="FILE", help="MLPerf's manifest; its files are looked for in DIR or beside it."
        ),
    ] = None,
    longest: Annotated[
        float,
        typer.Option(callback=finite, min=0.1, metavar="SECONDS", help="Leave out longer recordings, as MLPerf does."),
    ] = LONGEST_S,
    utterances: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only the first N.")] = None,
    split: Annotated[
        Literal["test", "validation"],
        typer.Option(
            metavar="SPLIT", help="Which synthetic sentences: test, or validation, on which to choose settings."
        ),
    ] = "test",
    checkpoint: options.Checkpoint = None,
    engine: options.Engine = "float",
    layers: options.Layers = "all",
    each: Annotated[bool, typer.Option("--each", help="Each of the layers alone on the chip (as Fig. 5a).")] = False,
    cumulative: Annotated[
        bool, typer.Option("--cumulative", help="One more layer at a time on the chip (as Fig. 5b).")
    ] = False,
    expand: options.Expand = None,
    copies: options.Copies = 4,
    encoding: Annotated[
        Literal["paper", "AB", "4-PCM", "2-PCM"],
        typer.Option(metavar="HOW", help="Encoding of all layers: AB, 4-PCM, 2-PCM; or as the paper chose for each."),
    ] = "paper",
    pin: Annotated[
        list[str] | None,
        typer.Option(metavar="MATRIX=HOW", help="Encoding of one matrix: enc-lstm2-wx=AB. Repeatable."),
    ] = None,
    time_since_programming: options.Age = "0s",
    expect_drift: Annotated[
        bool,
        typer.Option("--expect-drift", help="Enlarge products by what drift takes on average by that age (no reads)."),
    ] = False,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Fit the columns' read-out anew at that age.")
    ] = False,
    chips: Annotated[int, typer.Option(min=1, metavar="N", help="Chip instances, each with its own devices.")] = 5,
    chip: options.Chip = "nature2023",
    seed: options.Seed = 0,
    no_mesh: options.NoMesh = False,
    one_gain: options.OneGain = False,
    calibration: options.Calibration = None,
    json: options.Json = None,
    out: Annotated[
        Path,
        typer.Option(callback=folder_target, metavar="DIR", help="Folder of the chip's result.json and report.html."),
    ] = OUT,
) -> None:
    """Transcribe a set of recordings and count the word errors (corpus level, as MLPerf).

    Without recordings, 1,000 sentences that were held out in training are spoken by synthetic voices that were, too.

    With [bold]--engine chip[/bold] the layers run on simulated chips, one after the other over the whole set; a run
    that was cut off goes on at the layer where it stopped, when it is given again.
    """
    from pcmesh.errors import ConfigurationError
    from pcmesh.mapping import Encoding
    from pcmesh.workloads.rnnt.evaluate import evaluate
    from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
    from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions, choose_encodings, choose_layers

    if expect_drift and recalibrate:
        raise ConfigurationError("--expect-drift and --recalibrate exclude one another", "A new fit knows the drift")
    chosen = ChipOptions(
        layers=choose_layers(layers),
        mode=_MODES[each, cumulative],
        expand=expand,
        copies=copies,
        encoding=None if encoding == "paper" else Encoding(encoding),
        encodings=choose_encodings(pin or []),
        time_s=parse_duration(time_since_programming),
        expect_drift=expect_drift,
        recalibrate=recalibrate,
        chips=chips,
        seed=seed,
        chip=chip,
        scale_columns=not one_gain,
        mesh=not no_mesh,
        work=out / "work",
    )
    if engine == "chip":
        check_folder(out)
    network = load_speech_network(checkpoint)
    with progress() as report, _recordings(data, manifest, longest, utterances, split) as (listed, left_out):
        if engine == "float":
            result = evaluate(network, listed, report)
        else:
            result = _on_chip(network, listed, chosen, calibration, report)
    result |= {
        "engine": engine,
        "checkpoint": checkpoint and str(checkpoint),
        "data": {
            "kind": "synthetic" if data is None and manifest is None else "recorded",
            "data": data and str(data),
            "manifest": manifest and str(manifest),
            "longest_s": longest,
            "split": split,
        },
        "longer_left_out": left_out,
    }
    if engine == "float":
        _print_software(result)
        write_result(result, json, None)
    else:
        _finish_on_chip(result, chosen, json, out)


@contextmanager
def _recordings(
    data: Path | None, manifest: Path | None, longest: float, first: int | None, split: HeldOutSplit
) -> Iterator[tuple[list[Utterance], int]]:
    from pcmesh.workloads.rnnt.evaluate import choose_utterances
    from pcmesh.workloads.rnnt.held_out import synthetic_utterances

    if data is None and manifest is None:
        with synthetic_utterances(first, split=split) as made:
            yield made, 0
    else:
        yield choose_utterances(data, manifest, longest, first)


def _on_chip(network: Any, listed: list[Utterance], chosen: ChipOptions, calibration: Path | None, report: Any) -> Any:
    from pcmesh.workloads.rnnt.on_chip.experiment import evaluate_on_chip
    from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, load_recordings

    recordings = load_recordings([one.path for one in listed], report)
    training = calibration_features(calibration, chosen.seed)
    return evaluate_on_chip(network, recordings, [one.text for one in listed], training, chosen, report)


def _finish_on_chip(result: dict[str, Any], chosen: ChipOptions, json: Path | None, out: Path) -> None:
    from pcmesh.reporting import render_rnnt
    from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS

    kind = "synthetic speech" if result["data"]["kind"] == "synthetic" else "recorded speech"
    age = f", {format_duration(chosen.time_s)} after calibration" if chosen.time_s else ""
    rows = [("none (software)", f"{100 * result['software']['wer']:.2f} %", "", "", "")]
    for one in result["conditions"]:
        low, high = one["wer"]["ci95"]
        ratio = one["accuracy_of_software"]
        rows.append(
            (
                _named(one["layers"], chosen.layers, LAYERS),
                f"{100 * one['wer']['mean']:.2f} %",
                f"{100 * low:.2f} to {100 * high:.2f} %",
                f"{100 * one['increase']:+.2f}",
                "-" if ratio is None else f"{100 * ratio:.1f} %",
            )
        )
    names = ("On the chip", "Word error rate", "95 % interval", "Increase, points", "Of software's accuracy")
    title = f"RNN-T on chips, {result['n_utterances']:,} utterances of {kind}, chips: {chosen.chips}{age}"
    console().print(table(title, names, rows))
    good, error = (f"{100 * result[key]:.2f} %" for key in ("analog_yield", "mean_weight_error"))
    console().print(f"Analog yield {good}, mean weight error {error} of the largest weight")
    written = write_result(result, json, out)
    written.append(write_report(render_rnnt(result), out))
    console().print("Written: " + ", ".join(str(path) for path in written))


def _named(layers: Sequence[str], chosen: Sequence[str], every: Sequence[str]) -> str:
    """Return what is on the chip, in few words."""
    if len(layers) == len(every):
        return "all"
    if len(layers) == len(chosen):
        return ", ".join(layers)
    return f"+ {layers[-1]}" if len(layers) > 1 else layers[0]


def _print_software(result: dict[str, Any]) -> None:
    errors = ", ".join(f"{result[kind]:,} {kind}" for kind in ("substitutions", "deletions", "insertions"))
    speed = result["audio_s"] / result["computing_s"]
    rows = (
        ("Word error rate", f"{100 * result['wer']:.3f} %"),
        ("Word errors", f"{result['word_errors']:,} in {result['words']:,} words ({errors})"),
        ("Left out as too long", f"{result['longer_left_out']:,}"),
        ("Audio", f"{result['audio_s']:,.1f} s, computed {speed:.1f} x as fast as spoken"),
        ("Encoder frames of 30 ms, 60 ms", f"{result['feature_frames']:,}, {result['encoder_frames']:,}"),
        ("Letters written", f"{result['letters']:,}"),
        ("Decoder steps (start and letters)", f"{result['decoder_steps']:,}"),
    )
    kind = "synthetic utterances" if result["data"]["kind"] == "synthetic" else "utterances"
    console().print(facts(f"RNN-T in software, {result['n_utterances']:,} {kind}", rows))
