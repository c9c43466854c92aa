"""What every workload of a package must hold: subclass `WorkloadContract` and give `name`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

import pcmesh
from pcmesh import TaskOptions
from pcmesh.analysis.batches import call, first_output
from pcmesh.analysis.workload import WORKLOADS, Workload, workload_of
from pcmesh.hardware import load_chip
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)


class WorkloadContract:
    """Tests of one workload, from its network to the command line."""

    most_lost = 0.1
    """Share of what is right that a chip may cost."""

    least = 0.9
    """Share of what is right in software."""

    samples = 300
    """Of the task."""

    @pytest.fixture
    def name(self) -> str:
        """Return the workload's name."""
        raise NotImplementedError

    @pytest.fixture
    def workload(self, name: str) -> Workload:
        found = workload_of(name)
        assert found is not None
        assert name in WORKLOADS.names()
        return found

    def test_its_network_is_the_same_every_time(self, workload: Workload) -> None:
        first, second = workload.network(), workload.network()
        assert isinstance(first, nn.Module)
        assert first is not second
        for (own, a), (other, b) in zip(first.state_dict().items(), second.state_dict().items(), strict=True):
            assert own == other
            assert torch.equal(a, b)

    def test_it_has_data_that_fit_it(self, workload: Workload) -> None:
        network, task = workload.network().eval(), workload.task(TaskOptions(samples=self.samples))
        (batch, *_) = task.judged()
        with torch.no_grad():
            output = call(network, batch.inputs)
            assert len(pytree.tree_leaves(output)[0]) == len(pytree.tree_leaves(batch.inputs)[0])
            assert pytree.tree_leaves(call(network, task.calibrating()[0]))
            assert first_output(call(network, task.probing()[0])).isfinite().all()

    def test_so_many_samples_are_taken_as_are_asked_for(self, workload: Workload) -> None:
        batches = workload.task(TaskOptions(samples=3)).judged()
        assert sum(len(pytree.tree_leaves(batch.inputs)[0]) for batch in batches) == 3

    def test_the_chip_does_the_task(self, workload: Workload) -> None:
        network, task = workload.network().eval(), workload.task(TaskOptions(samples=self.samples))
        options = workload.options(network, load_chip())
        frames = task.calibrating()
        example = options.pop("example_inputs", frames[0])
        found = pcmesh.evaluate(pcmesh.compile(network, example, calibration=frames, **options), task)
        self.check(found.as_json())

    def test_commands_take_its_name(self, name: str, tmp_path: Path, program: Program) -> None:  # noqa: F811
        outcome = program("evaluate", name, "--samples", self.samples, "--json", tmp_path / "found.json")
        assert outcome.code == 0, outcome.err
        (chip,) = json.loads((tmp_path / "found.json").read_text())["chips"]
        self.check(chip)
        outcome = program("summary", name)
        assert (outcome.code, outcome.err) == (0, "")
        asked = ("--samples", 5, "--chips", 0, "--bits", "4:5:1", "--out", tmp_path / "bits")
        assert program("sensitivity", name, *asked).code == 0

    def check(self, found: Mapping[str, Any]) -> None:
        """Check a comparison's figures."""
        software, chip = (found[key] if found["better"] == "higher" else 1 - found[key] for key in ("software", "chip"))
        assert software > self.least
        assert chip > software - self.most_lost
