"""compile, inspect, disasm and asm, on a network that is small enough to compile in a second."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from pcmesh.compiled import CompiledNetwork
from pcmesh.hardware import load_chip
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.pipeline import compile_network
from pcmesh.studies import networks
from tests.cli.conftest import Program


def _tiny(chip: str, weights: Path | None) -> CompiledNetwork:
    del weights
    vectors = (Vector(name="x", size=700), Vector(name="h", size=40, signed=False), Vector(name="y", size=10))
    layers = (
        AnalogLayer(name="first", input="x", output="h", activation="relu"),
        AnalogLayer(name="second", input="h", output="y"),
    )
    weight = {"first": torch.full((700, 40), 0.1), "second": torch.full((40, 10), 0.1)}
    graph = LayerGraph(name="tiny", vectors=vectors, layers=layers, digital=(), weights=weight)
    return compile_network(graph, load_chip(chip))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "tiny"
    _tiny("nature2023", None).save(path)
    return path


@pytest.fixture
def tiny_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(networks.COMPILERS, "tiny", _tiny)


@pytest.mark.usefixtures("tiny_is_known")
def test_compile_writes_network_report_and_figures(program: Program, tmp_path: Path) -> None:
    outcome = program("compile", "tiny", "-o", tmp_path / "out", "--json", tmp_path / "figures.json")
    assert (outcome.code, outcome.err) == (0, "")
    assert "tiny on nature2023: 3 tiles on 1 chip" in outcome.out
    names = {entry.name for entry in (tmp_path / "out" / "routed").iterdir()}
    assert {"network.json", "mapping.json", "routing.json", "microcode.json", "report.html"} <= names
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["tiles"] == 3
    assert figures["layers"][0]["rows"] == 700
    assert figures["versions"]["pcmesh"]
    assert {entry.name for entry in tmp_path.iterdir()} == {"out", "figures.json"}


@pytest.mark.usefixtures("tiny_is_known")
def test_compile_refuses_a_chip_that_is_too_small_and_writes_nothing(program: Program, tmp_path: Path) -> None:
    chip = tmp_path / "small.toml"
    pads = '[{ domain = "A", edge = "west", ilp_row = 0, olp_row = 1 }]'
    chip.write_text(f"[grid]\nrows = 2\ncolumns = 1\ngaps = []\npads = {pads}\n")
    outcome = program("compile", "tiny", "-o", tmp_path / "out", "--chip", chip)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.toml"]


@pytest.mark.usefixtures("tiny_is_known")
def test_compile_does_not_replace_a_folder_of_something_else(program: Program, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    outcome = program("compile", "tiny", "-o", tmp_path)
    assert outcome.code == 2
    assert "is no folder of pcmesh" in outcome.err
    assert "--force" in outcome.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_unknown_network(program: Program, tmp_path: Path) -> None:
    outcome = program("compile", "resnet", "-o", tmp_path / "out")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: no network 'resnet'. ")
    assert "Name a workload (kws, rnnt)" in outcome.err


def test_inspect_shows_chips_steps_and_tiles(program: Program, folder: Path, tmp_path: Path) -> None:
    outcome = program("inspect", folder, "--tiles", "--json", tmp_path / "i.json")
    assert outcome.code == 0
    for title in ("3 tiles on 1 chip", "Layers", "Time steps", "Tiles (chip.tile)"):
        assert title in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 100
    figures = json.loads((tmp_path / "i.json").read_text())
    assert [layer["layer"] for layer in figures["layers"]] == ["first", "second"]
    chip = figures["chips"][0]
    assert chip["integration_steps"] == 6
    assert 0 < chip["sram_words"] <= chip["sram_words_available"]
    assert all(0 < step["wires"] <= step["wires_available"] for step in figures["steps"])


def test_inspect_one_tile(program: Program, folder: Path, tmp_path: Path) -> None:
    program("inspect", folder, "--json", tmp_path / "all.json")
    shared = json.loads((tmp_path / "all.json").read_text())["blocks"][0]
    outcome = program("inspect", folder, "--tile", shared["tile"], "--json", tmp_path / "one.json")
    assert f"Tile {shared['tile']}" in outcome.out
    one = json.loads((tmp_path / "one.json").read_text())
    assert one | {"versions": None} == shared | {"versions": None}
    assert one["shares_capacitors_with"] is not None


def test_inspect_says_where_a_weight_is(program: Program, folder: Path, tmp_path: Path) -> None:
    outcome = program("inspect", folder, "--weight", "first", 600, 7, "--json", tmp_path / "w.json")
    assert "first, row 600, column 7" in outcome.out
    devices = json.loads((tmp_path / "w.json").read_text())["devices"]
    assert [(d["pair"], d["row"], d["column"], d["sign"]) for d in devices] == [("WP1", 88, 7, 1), ("WP2", 88, 7, -1)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tile", "17"), "names no tile"),
        (("--tile", "1.35"), "no tile 35"),
        (("--tile", "2.1"), "no chip 2"),
        (("--tile", "0.1"), "no chip 0"),
        (("--weight", "third", 0, 0), "Layers: first, second"),
        (("--weight", "first", 700, 0), "Its rows are 0 to 699"),
        (("--weight", "first", 0, 40), "Its columns are 0 to 39"),
    ],
)
def test_inspect_names_what_does_not_exist(
    arguments: tuple[object, ...], words: str, program: Program, folder: Path
) -> None:
    outcome = program("inspect", folder, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


def test_text_of_a_program_assembles_to_its_words(program: Program, folder: Path, tmp_path: Path) -> None:
    program("inspect", folder, "--json", tmp_path / "all.json")
    tile = json.loads((tmp_path / "all.json").read_text())["blocks"][0]["tile"]
    text = program("disasm", folder, "--tile", tile).out
    assert "array integrate=on" in text
    source = tmp_path / "tile.asm"
    source.write_text(text)
    words = program("disasm", folder, "--tile", tile, "--hex").out
    assert program("asm", source).out == words
    assert program("asm", source, "-o", tmp_path / "tile.hex").code == 0
    assert (tmp_path / "tile.hex").read_text() == words


def test_programs_of_landing_pads(program: Program, folder: Path) -> None:
    pads = [f"1.{kind}-{name}" for kind in ("ILP", "OLP") for name in ("NW", "NE", "CW", "CE", "SW", "SE")]
    outcomes = [program("disasm", folder, "--pad", pad) for pad in pads]
    assert {outcome.code for outcome in outcomes} == {0, 2}
    assert any("send " in outcome.out for outcome in outcomes)
    assert any("collect " in outcome.out for outcome in outcomes)
    assert all("has no program" in outcome.err for outcome in outcomes if outcome.code)


@pytest.mark.parametrize("arguments", ["", "--tile 1.1 --pad 1.ILP-NW", "--pad 1.XLP-NW", "--pad ILP"])
def test_disasm_wants_one_controller(arguments: str, program: Program, folder: Path) -> None:
    outcome = program("disasm", folder, *arguments.split())
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [("fly\n", "line 1: no instruction 'fly'"), ("halt\narray rows=9999\n", "line 2"), ("jump to=X\n", "to=X")],
)
def test_asm_names_the_line(text: str, words: str, program: Program, tmp_path: Path) -> None:
    source = tmp_path / "bad.asm"
    source.write_text(text)
    outcome = program("asm", source, "-o", tmp_path / "out.hex")
    assert outcome.code == 2
    assert words in outcome.err
    assert not (tmp_path / "out.hex").exists()


def test_asm_refuses_what_is_no_text(program: Program, tmp_path: Path) -> None:
    source = tmp_path / "binary.asm"
    source.write_bytes(b"\xff\xfe")
    assert "is no UTF-8 text" in program("asm", source).err
    assert "no such file" in program("asm", tmp_path / "none.asm").err


@pytest.mark.parametrize("name", ["routed/network.json", "routed/microcode.json", "routed/weights.safetensors"])
def test_a_damaged_folder_is_named(name: str, program: Program, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / name).write_bytes(b"{}")
    outcome = program("inspect", copy)
    assert outcome.code == 2
    assert name in outcome.err
    assert outcome.err.count("\n") == 1


def test_no_compiled_network(program: Program, tmp_path: Path) -> None:
    assert "no folder of pcmesh" in program("inspect", tmp_path).err


def test_verify_compares_every_code(program: Program, folder: Path, tmp_path: Path) -> None:
    outcome = program("verify", folder, "--frames", 2, "--json", tmp_path / "v.json", "--trace", tmp_path / "v.vcd")
    assert (outcome.code, outcome.err) == (0, "")
    result = json.loads((tmp_path / "v.json").read_text())
    assert (result["codes_compared"], result["codes_differing"]) == (20, 0)
    assert "$enddefinitions" in (tmp_path / "v.vcd").read_text()


def test_verify_says_what_data_and_noise_need(program: Program, folder: Path) -> None:
    outcome = program("verify", folder, "--data", folder)
    assert (outcome.code, outcome.err) == (
        2,
        "error: 'tiny' takes no words: --data is for the keyword network. Leave out --data\n",
    )


def test_verify_compares_means_and_variances(program: Program, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    graph = LayerGraph(
        name="one",
        vectors=(Vector(name="x", size=40), Vector(name="y", size=12)),
        layers=(AnalogLayer(name="layer", input="x", output="y"),),
        digital=(),
        weights={"layer": torch.randn(40, 12, generator=generator)},
    )
    compile_network(graph, load_chip()).save(tmp_path / "one")
    outcome = program("verify", tmp_path / "one", "--noise", 400, "--json", tmp_path / "v.json")
    assert outcome.code == 0
    assert "largest z of the variances" in outcome.out
    noise = json.loads((tmp_path / "v.json").read_text())["noise"]
    assert noise["runs"] == 400
    assert noise["outputs"] >= 1
    assert max(noise["largest_z_mean"], noise["largest_z_variance"]) < noise["limit"]


def test_transport_counts_what_arrives(program: Program, tmp_path: Path) -> None:
    outcome = program("transport", "--vectors", 2, "--json", tmp_path / "t.json")
    assert outcome.code == 0
    ranges = json.loads((tmp_path / "t.json").read_text())["ranges"]
    assert [entry["max_duration_ns"] for entry in ranges] == [50, 100, 150, 200, 250]
    assert all(entry["samples"] == 1024 and 0 < entry["max_error_ns"] <= 5 for entry in ranges)
    assert all(entry["p99_error_ns"] <= entry["max_error_ns"] for entry in ranges)
