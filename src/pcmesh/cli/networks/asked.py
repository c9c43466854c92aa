"""A network as commands take it, by a workload's name, FILE.py:FUNCTION or a folder: its chip model and its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcmesh.cli.output import console

if TYPE_CHECKING:
    from pcmesh.analysis.task import Task
    from pcmesh.analysis.workload import Workload
    from pcmesh.cli.networks.options import HandOver
    from pcmesh.deployed import ChipModel

NEEDED_AT_COMPILING = ("weights", "example", "layers", "encoding", "max_chips", "hand_over", "calibration")
_FORMS = "FILE.py:FUNCTION, a folder written by pcmesh compile"


@dataclass(frozen=True, kw_only=True)
class AskedNetwork:
    """What a command is asked for, by the options that all have in common.

    Attributes:
        network: a workload's name, `FILE.py:FUNCTION`, or a folder.
        data, calibration: where they come from; None: the workload's own, of others none.
        chip, weights, example, batch_dim, layers, encoding, max_chips, hand_over, route: how it is compiled.
        code: of a network in a folder that runs its own code.
        seed: of chips and synthetic data; None: 0, of a folder its own.
        time: age of the chips.
        samples: how many are judged.
    """

    network: str
    data: str | None = None
    calibration: str | None = None
    chip: str | None = None
    weights: Path | None = None
    example: str | None = None
    batch_dim: str = "0"
    layers: list[str] = field(default_factory=list)
    encoding: str | None = None
    max_chips: int | None = None
    hand_over: HandOver | None = None
    route: bool = False
    code: str | None = None
    seed: int | None = None
    time: str = "0s"
    samples: int | None = None

    @cached_property
    def workload(self) -> Workload | None:
        """The workload that is named; None: another kind of network.

        Raises:
            InputError: the name is none's, and names neither a file nor a folder.
        """
        from pcmesh.analysis.workload import WORKLOADS, workload_of
        from pcmesh.errors import InputError

        found = workload_of(self.network)
        if found is None and ".py" not in self.network and not Path(self.network).is_dir():
            near = get_close_matches(self.network, WORKLOADS.names(), 1, 0.6)
            meant = f"Is {near[0]} meant? " if near else ""
            raise InputError(
                f"no network {self.network!r}", f"{meant}Name a workload ({', '.join(WORKLOADS.names())}), {_FORMS}"
            )
        return found

    @cached_property
    def is_folder(self) -> bool:
        """Whether the network was compiled before."""
        return self.workload is None and ".py:" not in self.network and Path(self.network).is_dir()

    @cached_property
    def task(self) -> Task | None:
        """What it is judged by; None: no data are named, and it has none of its own."""
        from pcmesh.analysis.user_code import user_task
        from pcmesh.analysis.workload import TaskOptions

        recordings = Path(self.data) if self.data is not None and Path(self.data).is_dir() else None
        source = self.data if recordings is None else None
        source = source or (self.network if self.workload is not None else self._named_in_folder)
        if source is None:
            return None
        return user_task(source, TaskOptions(samples=self.samples, seed=self.seed or 0, recordings=recordings))

    def needed_task(self) -> Task:
        """Return the task; InputError where there is none."""
        from pcmesh.errors import InputError

        if self.task is None:
            raise InputError(
                f"{self.network} has no data of its own",
                "--data FILE.py:FUNCTION (yields inputs, or inputs and labels), a safetensors file, or a workload",
            )
        return self.task

    def task_to_compare(self) -> Task:
        """Return the task, or one of calibration data or the example, which says what a mapping loses, too."""
        from pcmesh.analysis.batches import Batch
        from pcmesh.analysis.task import Task
        from pcmesh.analysis.user_code import example_of

        if self.task is not None:
            return self.task
        if self.calibrating is not None:
            return Task(batches=[Batch(inputs) for inputs in self.calibrating], data="calibration data")
        if self.example is None:
            return self.needed_task()
        return Task(batches=[Batch(example_of(self.example))], data="the example")

    def mapped(self, layers: Mapping[str, str]) -> ChipModel:
        """Return the network compiled with its layers mapped so."""
        if self.is_folder:
            analog = {name: way for name, way in layers.items() if way != "digital"}
            return self.model.on(options=analog, only=None if len(analog) == len(layers) else list(analog))
        return replace(self, layers=[f"{name}={way}" for name, way in layers.items()]).model

    @cached_property
    def calibrating(self) -> list[Any] | None:
        """Batches to calibrate with; None: there are none but the example."""
        from pcmesh.analysis.user_code import user_task

        if self.calibration is not None:
            return user_task(self.calibration).calibrating()
        return None if self.task is None else self.task.calibrating()

    @property
    def model(self) -> ChipModel:
        """The network on the first chip instance, as old as is asked for."""
        found = self._compiled
        return found if self.time == "0s" else found.at(self.time)

    @cached_property
    def _compiled(self) -> ChipModel:
        return self._loaded() if self.is_folder else self._made()

    @cached_property
    def _folder(self) -> ChipModel:
        from pcmesh.analysis.user_code import user_model
        from pcmesh.deployed import load_model

        return load_model(Path(self.network), None if self.code is None else user_model(self.code))

    @property
    def _named_in_folder(self) -> str | None:
        """The workload that a folder was compiled from; None: none."""
        from pcmesh.analysis.workload import WORKLOADS

        name = self._folder.program.choice.name if self.is_folder else ""
        return name if name in WORKLOADS else None

    def _loaded(self) -> ChipModel:
        from pcmesh.errors import ConfigurationError

        stated = [name for name in NEEDED_AT_COMPILING if getattr(self, name)]
        if stated or self.route:
            option = (stated or ["route"])[0].replace("layers", "layer").replace("_", "-")
            raise ConfigurationError(
                f"--{option}: {self.network} is compiled already", "Give it to pcmesh compile, or name the network"
            )
        model = self._folder
        if self.chip is None and self.seed is None:
            return model
        return model.on(self.chip, seed=self.seed)

    def _made(self) -> ChipModel:
        from pcmesh.analysis.user_code import example_of, user_model
        from pcmesh.deployed import compile_model
        from pcmesh.errors import InputError
        from pcmesh.hardware import load_chip

        module, spec = user_model(self.network, self.weights), load_chip(self.chip or "nature2023")
        options = {} if self.workload is None else self.workload.options(module, spec)
        _check_recipe(self.network, options)
        own_example = options.pop("example_inputs", None)
        frames = self.calibrating
        if self.example is not None:
            inputs = example_of(self.example)
        elif own_example is not None or frames:
            inputs = own_example if own_example is not None else frames[0] if frames else None
        else:
            raise InputError(
                "a network of your own needs an example input", "--example 'torch.randn(8, 1, 28, 28)', or --data"
            )
        with console(error=True).status(f"Compiling {self.network}"):
            return compile_model(module, inputs, spec, calibration=frames, **self._changed(options))

    def _changed(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return a recipe's options with what the user asks for."""
        from pcmesh.deployed.choices.options import ProductOptions, read_pins
        from pcmesh.mapping import Encoding

        pins: Mapping[str, Any] = options.pop("layers", {})
        stated: dict[str, Any] = {"max_chips": self.max_chips, "route": self.route or None, "seed": self.seed}
        if self.encoding is not None:
            coding = Encoding(self.encoding)
            stated["encoding"] = coding
            change = {"encoding": coding}
            pins = {n: p.model_copy(update=change) if isinstance(p, ProductOptions) else p for n, p in pins.items()}
        if self.hand_over is not None:
            stated["hand_over"] = {"auto": "auto", "on": True, "off": False}[self.hand_over.value]
        if self.batch_dim != "0":
            stated["batch_dim"] = batch_dimension(self.batch_dim)
            options |= {"batch_dim": stated["batch_dim"]}
        kept = {name: value for name, value in stated.items() if value is not None}
        return {**options, **kept, "layers": {**pins, **read_pins(self.layers)}}


def batch_dimension(text: str) -> int | None:
    """Return the dimension that `--batch-dim` names.

    Raises:
        ConfigurationError: it names none.
    """
    from pcmesh.errors import ConfigurationError

    if text == "none":
        return None
    if not text.isdecimal() or len(text) > 2:
        raise ConfigurationError(f"--batch-dim {text[:40]!r} is no dimension", "Give 0, 1, .. or none")
    return int(text)


def _check_recipe(name: str, recipe: Mapping[str, Any]) -> None:
    """Refuse a workload's recipe with an option that `pcmesh.compile` does not have, or that is the user's."""
    from pcmesh.checks import unknown
    from pcmesh.deployed import compile_model

    known = set(signature(compile_model).parameters) - {"model", "chip", "calibration"}
    for option in recipe:
        if option not in known:
            raise unknown(f"option of pcmesh.compile (recipe of the workload {name!r})", option, sorted(known))
