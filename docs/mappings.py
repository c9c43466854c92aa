"""Write the tables and pictures of docs/mappings.md anew, from what the two commands that it names have measured."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from pcmesh.files.reading import read_text
from pcmesh.files.writing import write_text
from pcmesh.reporting.drawings.pareto import choice_table, losses_table, pareto_figure, pareto_table

DOCS = Path(__file__).resolve().parent


def keywords(result: dict[str, Any]) -> str:
    """Return the keyword network's table: the front, the paper's mapping, the solver's choices."""
    shown = [point for point in result["points"] if point["front"] or point["marks"]]
    return (
        f"{result['n_utterances']} words of Speech Commands' test set, {result['chips']} chip instances of each "
        f"mapping; software {result['software_error']:.2%} wrong.\n\n{pareto_table(shown, 'wrong words', 'a word')}"
    )


def speech(result: dict[str, Any]) -> str:
    """Return rnnt-small's table."""
    return (
        f"{result['n_utterances']} synthetic sentences, {result['chips']} chip instances of each mapping; software "
        f"{result['software_wer']:.2%}.\n\n{pareto_table(result['points'], 'word error rate', 'an utterance')}"
    )


def alone(result: dict[str, Any]) -> str:
    """Return what single matrices lose."""
    return (
        f"Nats per letter, {result['n_sentences_alone']} sentences, {result['chips_alone']} chip instances.\n\n"
        f"{losses_table(result['losses_alone'])}"
    )


def main() -> None:
    """Write the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kws", type=Path, default=Path("runs/kws-pareto/result.json"))
    parser.add_argument("--rnnt", type=Path, default=Path("runs/rnnt-pareto/result.json"))
    options = parser.parse_args()
    kws, rnnt = (json.loads(read_text(path)) for path in (options.kws, options.rnnt))
    parts = {
        "kws": keywords(kws),
        "rnnt": speech(rnnt),
        "alone": alone(rnnt),
        "choice": choice_table(rnnt["paper_network"]),
    }
    page = read_text(DOCS / "mappings.md")
    for name, text in parts.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = marked.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)
    write_text(DOCS / "mappings.md", page)
    picture = pareto_figure(kws["points"], "wrong words", "a word", kws["software_error"])
    write_text(DOCS / "mappings-kws.svg", picture)
    picture = pareto_figure(rnnt["points"], "word error rate", "an utterance", rnnt["software_wer"])
    write_text(DOCS / "mappings-rnnt.svg", picture)


if __name__ == "__main__":
    main()
