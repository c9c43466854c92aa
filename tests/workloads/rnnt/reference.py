"""The RNN-T in float64 numpy, one utterance and one step at a time, as MLPerf's reference decodes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

Array = np.ndarray


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@dataclass
class Reference:
    """Weights under published keys; `encode` and `decode` follow the description of the reference."""

    state: dict[str, Tensor]

    def weight(self, key: str) -> Array:
        return self.state[key].double().numpy()

    def cell(self, key: str, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        gates = (
            self.weight(key.format("weight_ih")) @ x
            + self.weight(key.format("bias_ih"))
            + self.weight(key.format("weight_hh")) @ h
            + self.weight(key.format("bias_hh"))
        )
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def layer(self, key: str, frames: Array) -> Array:
        units = self.weight(key.format("weight_hh")).shape[1]
        h, c = np.zeros(units), np.zeros(units)
        outputs = []
        for x in frames:
            h, c = self.cell(key, x, h, c)
            outputs.append(h)
        return np.array(outputs)

    def encode(self, features: Array, stack: int = 2) -> Array:
        frames = features.astype(np.float64)
        for number in range(2):
            frames = self.layer(f"encoder.pre_rnn.lstm.{{}}_l{number}", frames)
        while len(frames) % stack:
            frames = np.concatenate((frames, np.zeros((1, frames.shape[1]))))
        frames = frames.reshape(len(frames) // stack, -1)
        for number in range(3):
            frames = self.layer(f"encoder.post_rnn.lstm.{{}}_l{number}", frames)
        return frames

    def predict(self, last: int | None, state: list[tuple[Array, Array]]) -> tuple[Array, list[tuple[Array, Array]]]:
        units = self.weight("prediction.embed.weight").shape[1]
        x = np.zeros(units) if last is None else self.weight("prediction.embed.weight")[last]
        after = []
        for number, (h, c) in enumerate(state):
            x, c = self.cell(f"prediction.dec_rnn.lstm.{{}}_l{number}", x, h, c)
            after.append((x, c))
        return x, after

    def logits(self, f: Array, g: Array) -> Array:
        hidden = self.weight("joint_net.0.weight") @ np.concatenate((f, g)) + self.weight("joint_net.0.bias")
        return self.weight("joint_net.3.weight") @ np.maximum(hidden, 0) + self.weight("joint_net.3.bias")

    def decode(self, encoded: Array) -> tuple[list[int], int, list[int]]:
        """Return the labels, the number of calls of the prediction network, and the frame of each label."""
        blank, units = len(self.weight("prediction.embed.weight")), self.weight("prediction.embed.weight").shape[1]
        labels: list[int] = []
        frames: list[int] = []
        state = [(np.zeros(units), np.zeros(units))] * 2
        calls = 0
        for number, f in enumerate(encoded):
            added = 0
            while added < 30:
                g, after = self.predict(labels[-1] if labels else None, state)
                calls += 1
                best = int(self.logits(f, g).argmax())
                if best == blank:
                    break
                labels.append(best)
                frames.append(number)
                state = after
                added += 1
        return labels, calls, frames
