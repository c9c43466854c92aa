"""ChipModel: a network on the chip, called like the network itself."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from pcmesh.checks import Names, Seed, Share, checked
from pcmesh.deployed.arguments import fitting
from pcmesh.deployed.chip import CalibrationKind
from pcmesh.deployed.choices.options import Pin
from pcmesh.deployed.choices.pins import changed_options, known_products
from pcmesh.deployed.deploy import deploy
from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.deployed.figures.statistics import measured_noise
from pcmesh.deployed.figures.summary import summary_text
from pcmesh.deployed.nominal import export_program
from pcmesh.deployed.program import Program
from pcmesh.deployed.side import ChipSide, MixedProducts
from pcmesh.deployed.store.folder import read_model, save_model
from pcmesh.durations import seconds_of
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.network.examples import Examples
from pcmesh.network.own_code.capture import part_of
from pcmesh.network.products import Products, SoftwareProducts
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.normal import key_tensor
from pcmesh.random import stream_key
from pcmesh.training import NoiseConfig


class ChipModel(nn.Module):
    """A network whose matrix products run on a programmed, calibrated chip instance.

    Call it like the network. It runs without gradients. Noise belongs to the sample: the same sample gives the same
    result alone, in any batch and in any order (its noise key is a hash of its input, unless `samples` names it).

    Args:
        program: the compiled network.
        side: the programmed chip.
        noisy: whether reading is noisy.
        only: products on the chip, where the others stay in software; None: all.
    """

    def __init__(
        self, program: Program, side: ChipSide, noisy: bool = True, only: frozenset[str] | None = None
    ) -> None:
        super().__init__()
        self.network = program.captured.module
        self.program, self.side, self.noisy, self.only = program, side, noisy, only
        self.products = side if only is None else MixedProducts(side, program.captured.weights, only)
        self.training = False

    @property
    def age_s(self) -> float:
        """Seconds since the chip was first calibrated."""
        return self.side.chip.network.age_s

    @property
    def instance(self) -> Instance:
        """The chip instance that is programmed."""
        return self.side.chip.network.instance

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network on the chip.

        Raises:
            InputError: the arguments do not fit the network.
        """
        examples = self._checked(args, kwargs)
        samples = self._keys(examples) if self.noisy else None
        return self._run(self.products, samples, self._shared_key(samples, examples), examples)

    def _run(self, products: Products, samples: Tensor | None, shared: Tensor | None, examples: Examples) -> Any:
        try:
            runtime = self.program.captured.runtime
            with torch.no_grad(), runtime.computing(products, samples, shared, size=examples.size):
                return self.network(*examples.args, **examples.kwargs)
        except RuntimeError as error:
            if not str(error).startswith("Expected input at"):
                raise
            raise InputError(
                str(error).split(". If you")[0].replace("*args", "the arguments"),
                "Compile with dynamic_shapes that leave this dimension free, or give inputs of the examples' shape",
            ) from error

    def train(self, mode: bool = True) -> ChipModel:
        """Do nothing in evaluation mode: conductances are not trained.

        Raises:
            ConfigurationError: training mode.
        """
        if mode:
            raise ConfigurationError(
                "a chip model cannot be trained: its weights are conductances",
                "Train the network with pcmesh.training.hardware_aware, then compile it",
            )
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the network's weights as they were before programming, under the network's own names."""
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse: other weights are other conductances.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(
            "weights cannot be loaded into a programmed chip",
            "Load them into the network and compile it again; chip_model.state_dict() fits the network",
        )

    def software(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network in float32, without the chip: the same code, for comparison."""
        examples = self._checked(args, kwargs)
        return self._run(SoftwareProducts(self.program.captured.weights), None, None, examples)

    @checked
    def at(self, time: str | float | timedelta, expect_drift: bool = False) -> ChipModel:
        """Return the same chip at a time after calibration, not calibrated since (`"1w"`, or seconds).

        Args:
            time: age.
            expect_drift: whether products are enlarged by what drift takes on average by then, which needs no read.
        """
        aged = self.side.aged(seconds_of(time))
        return ChipModel(self.program, aged.expecting_drift() if expect_drift else aged, self.noisy, self.only)

    def recalibrate(self) -> ChipModel:
        """Return the chip with its read-out fitted anew at its age, on the calibration frames."""
        side = self.side.recalibrated(self.program.frames.inputs)
        return ChipModel(self.program, side, self.noisy, self.only)

    @checked
    def on(
        self,
        chip: str | Path | ChipSpec | None = None,
        *,
        seed: Seed | None = None,
        number: Seed | None = None,
        options: Mapping[str, Pin] | None = None,
        clipped_share: Share | None = None,
        columns: CalibrationKind | None = None,
        only: Names | None = None,
    ) -> ChipModel:
        """Return the same network on another chip, programmed and calibrated there, without capturing it anew.

        Args:
            chip: another kind of chip; None: the same.
            seed, number: another chip instance; None: the same.
            options: product -> how it is mapped, for those that shall be mapped otherwise.
            clipped_share: share of a layer's outputs allowed beyond its range; None: the same.
            columns: how columns are calibrated; None: the same.
            only: products that are programmed, without routes, while the others are computed in software; None: all.
        """
        p = self.program
        spec = p.chip if chip is None else chip if isinstance(chip, ChipSpec) else load_chip(chip)
        instance = Instance(
            self.instance.seed if seed is None else seed, self.instance.number if number is None else number
        )
        known_products(p.choice.options, only or ())
        choice = replace(
            p.choice,
            options=changed_options(p.choice.options, options),
            clipped_share=p.choice.clipped_share if clipped_share is None else clipped_share,
            columns=p.choice.columns if columns is None else columns,
            route=p.choice.route and only is None,
        )
        found = deploy(p.captured, p.frames, choice, spec, instance, only, p.compiled)
        return ChipModel(found.program, found.side, only=found.only)

    def using(self, products: Collection[str]) -> ChipModel:
        """Return the same programmed chip of which some products are used, the others computed in software.

        Raises:
            ConfigurationError: there is no such product on it.
        """
        known_products([product.name for product in self.program.products], products)
        return ChipModel(self.program, self.side, self.noisy, frozenset(products))

    def part(self, name: str) -> ChipModel:
        """Return the same chip, called at a module of the network, whose own code runs: `model.part("encoder")(x)`.

        Raises:
            ConfigurationError: there is no such module, or the network was exported.
        """
        captured = part_of(self.program.captured, name)
        return ChipModel(replace(self.program, captured=captured), self.side, self.noisy, self.only)

    def without_noise(self) -> ChipModel:
        """Return the same chip read without noise: what programming and periphery alone do."""
        return ChipModel(self.program, self.side, False, self.only)

    @contextmanager
    def samples(self, ids: Sequence[str | int]) -> Iterator[None]:
        """Name the samples of this model's calls in this block, in this thread: new names are new noise.

        Raises:
            InputError: a name is neither text nor a whole number.
        """
        for entry in ids:
            if isinstance(entry, bool) or not isinstance(entry, str | int):
                raise InputError(f"a sample is named by a {type(entry).__name__}", "Give texts or whole numbers")
        token = _NAMED.set((*_NAMED.get(), (self, tuple(str(entry) for entry in ids))))
        try:
            yield
        finally:
            _NAMED.reset(token)

    def summary(self) -> str:
        """Return what runs where, how much of the chip it takes and how long, as text of at most 100 columns."""
        return summary_text(self.program, self.instance, self.age_s)

    def figures(self) -> dict[str, Any]:
        """Return the summary's figures as plain data."""
        p, chip = self.program, self.instance
        head = {"network": p.choice.name, "chip": p.chip.name, "seed": chip.seed, "instance": chip.number}
        return {**head, "age_s": self.age_s, **asdict(model_figures(p)), "warnings": list(p.warnings)}

    def export(self) -> ExportedProgram:
        """Return the chip as a plain graph without noise (`chip_model.nominal`), for `torch.export.save` or ONNX."""
        self._check_whole()
        return export_program(self.program, self.side)

    def noise_config(self) -> NoiseConfig:
        """Return the sizes of weight and output noise that this chip shows on this network, for training under them."""
        return measured_noise(self.program, self.side)

    @checked
    def save(self, folder: str | Path, *, report: str | None = None, force: bool = False) -> None:
        """Write the chip model, conductances and read-out included, to a folder; `pcmesh.load` reads it.

        A folder that pcmesh wrote is replaced: readers see the old one or the new one. Files of others stay.

        Args:
            folder: where.
            report: a page of HTML that goes with its routed layers.
            force: also into a folder of something else, and over files of others with the same names.
        """
        self._check_whole()
        save_model(self.program, self.side, self.noisy, Path(folder), report, force)

    def _check_whole(self) -> None:
        if self.only is not None:
            raise ConfigurationError(
                "some products of this chip model stay in software, which no file can say",
                "Compile the network with these layers pinned 'digital'",
            )

    def _checked(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Examples:
        captured = self.program.captured
        wanted, given = captured.examples, fitting(captured, args, kwargs)
        if not captured.any_batch and wanted.batch_dim is not None and given.size != wanted.size:
            raise InputError(
                f"a batch of {given.size} samples; this network's own code fixes it at {wanted.size}",
                "Compile it with example inputs of the batch that you need",
            )
        return given

    def _shared_key(self, samples: Tensor | None, examples: Examples) -> Tensor:
        """Return the key of what belongs to no sample: the chip's, or the only sample's where there is no batch."""
        if samples is not None and examples.batch_dim is None:
            return samples
        instance = self.instance
        return key_tensor(stream_key(instance.seed, "read", instance.number, "shared"))

    def _keys(self, examples: Examples) -> Tensor:
        tensors = examples.samples()
        ids = next((names for model, names in reversed(_NAMED.get()) if model is self), None)
        if ids is None:
            ids = tuple(_digest(tensors, number) for number in range(examples.size))
        elif len(ids) != examples.size:
            raise InputError(f"{len(ids)} names for {examples.size} samples", "Name every sample of the call")
        instance = self.instance
        return key_tensor(*(stream_key(instance.seed, "read", instance.number, entry) for entry in ids))


_NAMED: ContextVar[tuple[tuple[ChipModel, tuple[str, ...]], ...]] = ContextVar("pcmesh names of samples", default=())


def _digest(tensors: Sequence[Tensor], number: int) -> str:
    """Return a hash of one sample's input."""
    made = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        made.update(tensor[number].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


@checked
def load_model(folder: str | Path, network: nn.Module | None = None) -> ChipModel:
    """Read a chip model that `ChipModel.save` wrote: the same conductances, the same read-out, the same results.

    Nothing in the folder is executed: it holds numbers, texts and a graph of PyTorch's own operations, which are
    checked before they are used. A stranger's folder may be read; `network` is your code.

    Args:
        folder: where it is.
        network: the code of a network that runs its own; its weights are read from the folder.

    Raises:
        InputError: it is missing, damaged or of another format (the file is named), or the network's code is missing
            or another one's.
    """
    found = read_model(Path(folder), network)
    return ChipModel(found.program, found.side, found.noisy)
