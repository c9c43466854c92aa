"""The keyword network of the paper: 1,024-512-512-12, ReLU, no bias, weights within (-1, 1)."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pcmesh.errors import InputError
from pcmesh.files.writing import whole_file
from pcmesh.speech.types import KEYWORD_CLASSES

LAYERS = ("layer0", "layer1", "layer2")
FRAMES, COEFFICIENTS, PIXELS, HIDDEN = 49, 40, 1024, 512
CLASSES = len(KEYWORD_CLASSES)


class KeywordNetwork(nn.Module):
    """Twelve-word spotter for four analog tiles.

    Between the features and the first layer stands fixed digital arithmetic (`inputs`): 1,024 of the 1,960 features
    are kept (largest mean magnitude on validation data, as in the paper), and each is shifted and scaled by constants
    of the training data, so that no feature with a large constant part takes the whole INT9 range.

    Attributes:
        pixels: int64 (1024,), kept positions in the flattened 49 x 40 features.
        offset: float32 (1024,), subtracted from the kept features.
        gain: float32 (1024,), then multiplied; the result is dimensionless and mostly within +-1.
        class_names: name of each output, in order.
    """

    pixels: Tensor
    offset: Tensor
    gain: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.class_names: tuple[str, ...] = KEYWORD_CLASSES
        self.register_buffer("pixels", torch.arange(PIXELS))
        self.register_buffer("offset", torch.zeros(PIXELS))
        self.register_buffer("gain", torch.ones(PIXELS))
        self.layer0 = nn.Linear(PIXELS, HIDDEN, bias=False)
        self.layer1 = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.layer2 = nn.Linear(HIDDEN, CLASSES, bias=False)

    def inputs(self, features: Tensor) -> Tensor:
        """Return exactly what goes into the first analog layer: features (B, 49, 40) to (B, 1024)."""
        return (features.flatten(1)[:, self.pixels] - self.offset) * self.gain

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, 12) of features (B, 49, 40)."""
        hidden = torch.relu(self.layer0(self.inputs(features)))
        hidden = torch.relu(self.layer1(hidden))
        logits: Tensor = self.layer2(hidden)
        return logits


def load_keyword_network(path: str | Path | None = None) -> KeywordNetwork:
    """Load a network in evaluation mode: the shipped one, or one from a safetensors file.

    Args:
        path: safetensors file written by `save_keyword_network`; None for the shipped weights.

    Raises:
        InputError: the file is missing, not safetensors (a pickle is refused), or lacks a tensor or has one of another
            shape, of another type than floating point (pixels: integers) or with a value out of range.
    """
    if path is None:
        with as_file(files("pcmesh.workloads.kws") / "weights" / "kws.safetensors") as shipped:
            return _load(shipped)
    return _load(Path(path))


def save_keyword_network(network: KeywordNetwork, path: str | Path) -> None:
    """Write the network atomically as float16 weights and float32 buffers (about 1.6 MB)."""
    tensors = {
        name: (tensor.half() if name.endswith(".weight") else tensor).detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, metadata={"classes": ",".join(network.class_names)}))


def _load(path: Path) -> KeywordNetwork:
    tensors, classes = _read(path)
    if classes is not None and classes != ",".join(KEYWORD_CLASSES):
        raise InputError(f"{path}: was trained for the classes {classes}", f"Train for {','.join(KEYWORD_CLASSES)}")
    network = KeywordNetwork()
    for name, expected in network.state_dict().items():
        _check_tensor(path, name, tensors.get(name), expected)
    unknown = sorted(tensors.keys() - network.state_dict().keys())
    if unknown:
        raise InputError(f"{path}: holds the unknown tensor {unknown[0]!r}", _REMEDY)
    network.load_state_dict({name: tensors[name].to(old.dtype) for name, old in network.state_dict().items()})
    return network.eval()


_REMEDY = "Give a file written by `make train-kws`"


def _read(path: Path) -> tuple[dict[str, Tensor], str | None]:
    if not path.is_file():
        raise InputError(f"{path}: no such file", _REMEDY)
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
            return tensors, (stream.metadata() or {}).get("classes")
    except (SafetensorError, OSError) as error:
        kind = _foreign_kind(path)
        raise InputError(f"{path}: not a safetensors file{kind}", _REMEDY) from error


def _foreign_kind(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PK\x03\x04" or start[:1] == b"\x80":
        return " but a pickle or torch.save file, which can run code when it is read"
    return ""


def _check_tensor(path: Path, name: str, tensor: Tensor | None, expected: Tensor) -> None:
    if tensor is None:
        raise InputError(f"{path}: lacks the tensor {name!r} of shape {tuple(expected.shape)}", _REMEDY)
    if tensor.shape != expected.shape:
        raise InputError(f"{path}: {name!r} has the shape {tuple(tensor.shape)}, not {tuple(expected.shape)}", _REMEDY)
    if tensor.is_floating_point() != expected.is_floating_point():
        raise InputError(f"{path}: {name!r} has the type {tensor.dtype}, not {expected.dtype}", _REMEDY)
    if not torch.isfinite(tensor).all():
        raise InputError(f"{path}: {name!r} holds NaN or infinite values", _REMEDY)
    if name == "pixels" and not bool(((tensor >= 0) & (tensor < FRAMES * COEFFICIENTS)).all()):
        raise InputError(f"{path}: 'pixels' reaches outside 0..{FRAMES * COEFFICIENTS - 1}", _REMEDY)
    if name.endswith(".weight") and float(tensor.abs().max()) > 1:
        raise InputError(f"{path}: {name!r} holds weights outside (-1, 1)", "Clip the weights while training")
