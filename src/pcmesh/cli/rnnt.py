"""`pcmesh rnnt`: speech transcription by the RNN-T, in software, and its way onto five chips."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pcmesh.cli.output import console, facts, progress, table, write_result

rnnt = typer.Typer(
    name="rnnt",
    help="Transcribe speech with the RNN-T of MLPerf, and map it onto chips.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

LONGEST_S = 15.0

Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Another network, MLPerf's format (.pt) or safetensors, than the one that ships."
    ),
]
Engine = Annotated[Literal["float"], typer.Option(metavar="ENGINE", help="What computes: float (software, float32).")]
Json = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result to this file.")]


@rnnt.command("transcribe")
def transcribe_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recordings: wav, flac or ogg, any rate.")],
    checkpoint: Checkpoint = None,
    engine: Engine = "float",
    json: Json = None,
) -> None:
    """Write down what is said in recordings."""
    from pcmesh.workloads.rnnt.transcribe import load_speech_network, transcribe

    with progress() as report:
        found = transcribe(load_speech_network(checkpoint), files, report)
    for one in found:
        console().print(f"{one.path}: {one.text}", markup=False, soft_wrap=True)
    utterances = [one.as_json() for one in found]
    write_result({"engine": engine, "checkpoint": checkpoint and str(checkpoint), "utterances": utterances}, json, None)


@rnnt.command("evaluate")
def evaluate_set(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="LibriSpeech's folders, or a folder with a tsv (path<TAB>text). Without: synthetic sentences.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="MLPerf's manifest; its files are looked for in DIR or beside it."),
    ] = None,
    longest: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Leave out longer recordings, as MLPerf does.")
    ] = LONGEST_S,
    utterances: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only the first N.")] = None,
    checkpoint: Checkpoint = None,
    engine: Engine = "float",
    json: Json = None,
) -> None:
    """Transcribe a set of recordings and count the word errors (corpus level, as MLPerf).

    Without recordings, 1,000 sentences that were held out in training are spoken by synthetic voices that were, too.
    """
    from pcmesh.workloads.rnnt.evaluate import choose_utterances, evaluate
    from pcmesh.workloads.rnnt.held_out import synthetic_utterances
    from pcmesh.workloads.rnnt.transcribe import load_speech_network

    network = load_speech_network(checkpoint)
    synthetic = data is None and manifest is None
    with ExitStack() as files, progress() as report:
        if synthetic:
            chosen, left_out = files.enter_context(synthetic_utterances(utterances)), 0
        else:
            chosen, left_out = choose_utterances(data, manifest, longest, utterances)
        result = evaluate(network, chosen, report)
    result |= {
        "engine": engine,
        "checkpoint": checkpoint and str(checkpoint),
        "data": {
            "kind": "synthetic" if synthetic else "recorded",
            "data": data and str(data),
            "manifest": manifest and str(manifest),
            "longest_s": longest,
        },
        "longer_left_out": left_out,
    }
    _print_evaluation(result)
    write_result(result, json, None)


@rnnt.command("map")
def map_(
    expand: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Weight expansion of Enc-LSTM0 Wx to N rows, instead of four copies."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the widths of this network instead of the paper's.")
    ] = None,
    chip: Annotated[str, typer.Option(metavar="CHIP", help="The chip: a preset's name or a TOML file.")] = "nature2023",
    json: Json = None,
) -> None:
    """Map, place and route the RNN-T as the paper does: which layer takes what on which chip.

    [bold]pcmesh compile rnnt -o DIR[/bold] keeps the schedule and writes microcode and pictures.
    """
    from pcmesh.chip import load_chip
    from pcmesh.workloads.rnnt.checkpoint import read_checkpoint
    from pcmesh.workloads.rnnt.checkpoint_layout import infer_widths
    from pcmesh.workloads.rnnt.footprint import rnnt_footprint
    from pcmesh.workloads.rnnt.widths import RnntWidths

    widths = RnntWidths() if checkpoint is None else infer_widths(read_checkpoint(checkpoint))
    with console(error=True).status("Placing and routing"):
        found = rnnt_footprint(widths.model_copy(update={"expand": expand}), load_chip(chip))
    _print_footprint(found)
    write_result(found, json, None)


@rnnt.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A checkpoint in either format.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The file to write: .pt, .pth or .safetensors.")],
) -> None:
    """Convert a checkpoint between MLPerf's format and safetensors; nothing in it is executed."""
    from pcmesh.workloads.rnnt.checkpoint import read_checkpoint, write_checkpoint

    tensors = read_checkpoint(source)
    write_checkpoint(tensors, target)
    console().print(f"Written: {target} ({sum(value.numel() for value in tensors.values()):,} parameters)")


def _print_evaluation(result: dict[str, Any]) -> None:
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


def _print_footprint(found: dict[str, Any]) -> None:
    rows = [
        (
            entry["chip"],
            ", ".join(layer["name"] for layer in entry["layers"]),
            entry["tiles"],
            f"{entry['pcms']:,}",
            f"{entry['weights']:,}",
            entry["integration_phases"],
            entry["output_slots"],
            f"{entry['operation_ns']:,}",
        )
        for entry in found["chips"]
    ]
    names = ("Chip", "Layers", "Tiles", "PCMs", "Weights", "Integrations", "Output slots", "Time, ns")
    console().print(table(f"The RNN-T on {len(rows)} chips ({found['chip']})", names, rows))
    console().print(
        f"{found['tiles_total']} tiles, {found['pcms_total']:,} PCMs, "
        f"{found['weights_mapped']:,} of {found['parameters']:,} parameters mapped "
        f"({100 * found['mapped_share']:.1f} %)"
    )
