"""What every workload of a package must hold: subclass `WorkloadContract` and give `name`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.analysis.batches import batches_of
from pcmesh.deployed.workload import WORKLOADS, Workload, workload_of
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)


class WorkloadContract:
    """Tests of one workload, from its network to the command line."""

    most_lost = 0.1
    """Share of right choices that a chip may cost."""

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
        network = workload.network().eval()
        for data in (workload.calibration, workload.task):
            batches = list(batches_of(data()))
            assert batches
            with torch.no_grad():
                assert len(network(batches[0].inputs)) == len(batches[0].inputs)

    def test_the_chip_does_the_task(self, workload: Workload) -> None:
        calibration = [batch.inputs for batch in batches_of(workload.calibration())]
        network = workload.network().eval()
        on_chip = pcmesh.compile(network, calibration[0], calibration=calibration, **workload.recipe)
        found = pcmesh.evaluate(on_chip, workload.task())
        assert found.software_accuracy is not None
        assert found.chip_accuracy is not None
        assert found.software_accuracy > 0.9
        assert found.chip_accuracy > found.software_accuracy - self.most_lost

    def test_commands_take_its_name(self, name: str, tmp_path: Path, program: Program) -> None:  # noqa: F811
        outcome = program("compile", name, "-o", tmp_path / "out")
        assert (outcome.code, outcome.err) == (0, "")
        outcome = program("evaluate", tmp_path / "out", name, "--json", tmp_path / "found.json")
        assert outcome.code == 0
        (chip,) = json.loads((tmp_path / "found.json").read_text())["chips"]
        assert chip["chip_accuracy"] > chip["software_accuracy"] - self.most_lost
        asked = ("--data", name, "--chips", 0, "--bits", "4:5:1", "--out", tmp_path / "bits")
        assert program("sensitivity", tmp_path / "out", *asked).code == 0
