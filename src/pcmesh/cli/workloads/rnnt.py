"""`pcmesh rnnt`: speech transcription by the RNN-T, in software and on five simulated chips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pcmesh.cli.output import console, progress, table, write_result
from pcmesh.cli.paths import checkpoint_file, chip_name, file_target, input_file
from pcmesh.cli.workloads import rnnt_options as options
from pcmesh.cli.workloads.rnnt_evaluate import evaluate_set
from pcmesh.durations import parse_duration

rnnt = typer.Typer(
    name="rnnt",
    help="Transcribe speech with the RNN-T of MLPerf, and map it onto chips.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@rnnt.command("transcribe")
def transcribe_files(
    files: Annotated[
        list[Path], typer.Argument(callback=input_file, metavar="FILES...", help="Recordings: wav, flac, mp3, ...")
    ],
    checkpoint: options.Checkpoint = None,
    engine: options.Engine = "float",
    expand: options.Expand = None,
    copies: options.Copies = 4,
    time_since_programming: options.Age = "0s",
    chip: options.Chip = "nature2023",
    seed: options.Seed = 0,
    no_mesh: options.NoMesh = False,
    calibration: options.Calibration = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Print text while the audio arrives: one file played at real time, or - for 16-bit 16-kHz PCM.",
        ),
    ] = False,
    causal: Annotated[
        bool, typer.Option("--causal", help="The text that --stream prints, at once: the same normalisation.")
    ] = False,
    json: options.Json = None,
) -> None:
    """Write down what is said in recordings; with [bold]--engine chip[/bold] on a simulated chip instance.

    A whole recording's features are normalised by their mean and deviation over all of it. While audio arrives
    ([bold]--stream[/bold]) only what was heard so far is known, at least the first second, which is held back:
    the text can differ.
    """
    from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network, transcribe
    from pcmesh.workloads.rnnt.on_chip.experiment import ChipOptions
    from pcmesh.workloads.rnnt.on_chip.speech import calibration_features, transcribe_on_chip

    if stream or causal:
        _stream(files, checkpoint, stream, engine, json)
        return
    age = parse_duration(time_since_programming)
    chosen = ChipOptions(expand=expand, copies=copies, time_s=age, seed=seed, chip=chip, mesh=not no_mesh)
    network = load_speech_network(checkpoint)
    with progress() as report:
        if engine == "float":
            found = transcribe(network, files, report)
        else:
            found = transcribe_on_chip(network, files, chosen, calibration_features(calibration, seed), report)
    for one in found:
        console().print(f"{one.path}: {one.text}", markup=False, soft_wrap=True)
    utterances = [one.as_json() for one in found]
    write_result({"engine": engine, "checkpoint": checkpoint and str(checkpoint), "utterances": utterances}, json, None)


def _stream(files: list[Path], checkpoint: Path | None, real_time: bool, engine: str, json: Path | None) -> None:
    import sys

    from pcmesh.errors import ConfigurationError
    from pcmesh.speech.audio import load_audio
    from pcmesh.speech.transcripts import to_text
    from pcmesh.workloads.rnnt.listening.streaming import at_real_time, pcm_pieces, stream
    from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network

    if engine != "float":
        raise ConfigurationError("streaming runs in software only", "Leave out --engine chip")
    if real_time and len(files) != 1:
        raise ConfigurationError(f"{len(files)} files cannot be streamed at once", "Give one file, or - for PCM")
    network, found = load_speech_network(checkpoint), []
    for file in files:
        if str(file) == "-":
            pieces = pcm_pieces(sys.stdin.buffer)
        else:
            wave = load_audio(file)
            pieces = at_real_time(wave) if real_time else iter([wave])
        labels: list[int] = []
        for letters in stream(network, pieces):
            labels += letters
            console().print(to_text(letters), end="", markup=False, soft_wrap=True)
        console().print()
        found.append({"file": str(file), "text": to_text(labels), "tokens": labels})
    write_result({"engine": engine, "causal": True, "utterances": found}, json, None)


rnnt.command("evaluate")(evaluate_set)


@rnnt.command("map")
def map_(
    expand: options.Expand = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            callback=checkpoint_file, metavar="FILE", help="Take the widths of this network instead of the paper's."
        ),
    ] = None,
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    json: options.Json = None,
) -> None:
    """Map, place and route the RNN-T as the paper does: which layer takes what on which chip.

    [bold]pcmesh compile rnnt -o DIR[/bold] keeps the schedule and writes microcode and pictures.
    """
    from pcmesh.hardware import load_chip
    from pcmesh.workloads.rnnt.checkpoint import read_checkpoint
    from pcmesh.workloads.rnnt.checkpoint_layout import infer_widths
    from pcmesh.workloads.rnnt.compiled.footprint import rnnt_footprint
    from pcmesh.workloads.rnnt.widths import RnntWidths

    widths = RnntWidths() if checkpoint is None else infer_widths(read_checkpoint(checkpoint))
    with console(error=True).status("Placing and routing"):
        found = rnnt_footprint(widths.model_copy(update={"expand": expand}), load_chip(chip))
    _print_footprint(found)
    write_result(found, json, None)


@rnnt.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(callback=input_file, metavar="SRC", help="A checkpoint in either format.")],
    target: Annotated[
        Path, typer.Argument(callback=file_target, metavar="DST", help="The file to write: .pt, .pth or .safetensors.")
    ],
) -> None:
    """Convert a checkpoint between MLPerf's format and safetensors; nothing in it is executed."""
    from pcmesh.workloads.rnnt.checkpoint import read_checkpoint, write_checkpoint

    tensors = read_checkpoint(source)
    write_checkpoint(tensors, target)
    console().print(f"Written: {target} ({sum(value.numel() for value in tensors.values()):,} parameters)")


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
