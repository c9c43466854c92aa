"""Running claims: each once, kept as soon as it is there, so that a run cut off goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pcmesh.errors import InputError
from pcmesh.files.cache import ResultCache
from pcmesh.progress import Progress, quiet
from pcmesh.speech.corpora import list_manifest, list_utterances
from pcmesh.speech.layouts import list_clips
from pcmesh.studies.paper.answers import all_answers
from pcmesh.studies.paper.claims import CLAIMS, Claim
from pcmesh.studies.paper.experiments import Experiments, PaperOptions
from pcmesh.studies.paper.figures import FIGURES
from pcmesh.studies.paper.found import Found, deviation
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network

_DATA_OPTIONS = (
    ("gsc", "--gsc"),
    ("librispeech", "--librispeech"),
    ("checkpoint", "--checkpoint"),
    ("manifest", "--manifest"),
)


def _check_data(options: PaperOptions) -> None:
    """Raise InputError where data are named that cannot be used, before hours are spent on the claims before theirs."""
    if options.gsc is not None:
        list_clips(options.gsc, "test")
    if options.librispeech is not None:
        list_utterances(options.librispeech)
    if options.checkpoint is not None:
        load_speech_network(options.checkpoint)
    if options.manifest is not None:
        list_manifest(options.manifest)


def run_paper(
    options: PaperOptions,
    only: Sequence[int] = (),
    folder: Path | None = None,
    fresh: bool = False,
    report: Progress | None = None,
) -> dict[str, Any]:
    """Return what pcmesh has to say to the claims; docs/paper.md describes the keys.

    Args:
        options: data, chip, seed, quick or full.
        only: numbers of claims; none: all.
        folder: where finished claims are kept.
        fresh: forget those.
        report: is told the stage, the claims done and how many there are.

    Raises:
        InputError: no claim of that number, or unusable data (named).
    """
    known = {claim.id: claim for claim in CLAIMS}
    unknown = [number for number in only if number not in known]
    if unknown:
        raise InputError(f"--only {unknown[0]}: there is no such claim", f"Claims are numbered 1 to {len(CLAIMS)}")
    _check_data(options)
    tell = report or quiet
    cache, full = (_cache(chosen, folder, fresh) for chosen in (options, replace(options, full=True)))
    work = (folder or Path("runs/paper")) / "work"
    experiments, answers, rows = Experiments(options, tell, work), all_answers(), []
    chosen = [known[number] for number in sorted(set(only))] if only else list(CLAIMS)
    for done, claim in enumerate(chosen):
        tell("claims", done, len(chosen))
        row = cache.get(str(claim.id))
        if row is None:
            row = _row(claim, answers[claim.id](experiments), options)
            cache.put(str(claim.id), row)
        rows.append(row)
    tell("claims", len(chosen), len(chosen))
    return {
        "claims": rows,
        "figures": [] if only else _figures(experiments, cache, full, tell),
        "by_kind": dict(Counter(row["how"] for row in rows)),
        "mode": "full" if options.full else "quick",
        "seed": options.seed,
        "chip": options.chip,
        "configuration": {
            key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()
        },
    }


def _cache(options: PaperOptions, folder: Path | None, fresh: bool) -> ResultCache:
    return ResultCache(folder, {**asdict(options), "files": _files(options)}, fresh)


def _figures(experiments: Experiments, cache: ResultCache, full: ResultCache, tell: Progress) -> list[dict[str, Any]]:
    """Make all figures; a quick run leaves out the long ones, unless a full run (`full`) has left them."""
    found = []
    for done, figure in enumerate(FIGURES):
        tell("figures", done, len(FIGURES))
        key = f"figure {figure.name} {figure.title}"
        left_out = figure.long and not experiments.options.full
        made = full.get(key) if left_out else cache.get(key)
        if made is None and not left_out:
            described = "" if figure.described is None else figure.described(experiments)
            made = {"data": figure.make(experiments), "described": described}
            cache.put(key, made)
        shown = made or {"data": None, "described": ""}
        command_line = command(replace(experiments.options, full=True)) if made is None else ""
        found.append({"name": figure.name, "title": figure.title, **shown, "command": command_line})
    tell("figures", len(FIGURES), len(FIGURES))
    return found


def _row(claim: Claim, found: Found, options: PaperOptions) -> dict[str, Any]:
    return {
        "id": claim.id,
        "claim": claim.text,
        "section": claim.section,
        "paper": claim.paper,
        "ours": found.ours,
        "unit": claim.unit,
        "how": found.how,
        "relation": claim.relation,
        "deviation": None if found.how == "input" else deviation(claim, found.ours),
        "agrees": found.ours == claim.paper if isinstance(claim.paper, str) and found.ours is not None else None,
        "note": found.note,
        "also": [asdict(entry) for entry in found.also],
        "command": command(options, [claim.id]),
    }


def command(options: PaperOptions, only: Sequence[int] = ()) -> str:
    """Return the command line that gives these claims with these options."""
    words = ["pcmesh", "paper", "--full" if options.full else "--quick"]
    words += [f"--only {','.join(map(str, only))}"] if only else []
    words += [f"--seed {options.seed}"] if options.seed else []
    words += [f"--utterances {options.utterances}"] if options.utterances else []
    words += [f"--chips {options.chips}"] if options.chips else []
    words += [f"--chip {options.chip}"] if options.chip != PaperOptions().chip else []
    words += [f"{flag} {value}" for name, flag in _DATA_OPTIONS if (value := getattr(options, name)) is not None]
    return " ".join(words)


def _files(options: PaperOptions) -> list[tuple[str, int, int]]:
    """Return what stands for the content of the files given: names, sizes and times of change."""
    paths = [path for name, _ in _DATA_OPTIONS if (path := getattr(options, name)) is not None]
    paths += [Path(options.chip)] if Path(options.chip).is_file() else []
    files = [
        file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()
    ]
    return [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
