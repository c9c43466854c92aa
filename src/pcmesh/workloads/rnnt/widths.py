"""The sizes of an RNN-T of the MLPerf topology."""

from __future__ import annotations

from pydantic import Field

from pcmesh.files.artefact import Artefact


class RnntWidths(Artefact):
    """Sizes of the network and of its copies on the chip; the defaults are those of the paper.

    Attributes:
        features: inputs per frame (80 mel bands, three frames spliced).
        encoder: hidden units of each of the five encoder LSTMs.
        stack: encoder frames that are concatenated before the third LSTM.
        prediction: hidden units of the two decoder LSTMs, and size of the embedding.
        joint: outputs of Enc-FC and Dec-FC.
        labels: symbols without the blank.
        input_copies: copies of the features' rows (weight averaging), unless `expand` is given.
        embedding_copies: copies of the rows of Emb x Wx, each with that share of the weight.
        expand: rows of the weight expansion Wx2 = Wx · pinv(M) that replaces the copies.

    Source: facts of Ambrogio et al. 2023, Methods "RNNT weights and network mapping"; MLPerf inference, rnnt.toml.
    """

    features: int = Field(default=240, ge=1)
    encoder: int = Field(default=1024, ge=1)
    stack: int = Field(default=2, ge=1)
    prediction: int = Field(default=320, ge=1)
    joint: int = Field(default=512, ge=1)
    labels: int = Field(default=28, ge=1)
    input_copies: int = Field(default=4, ge=1)
    embedding_copies: int = Field(default=9, ge=1)
    expand: int | None = Field(default=None, ge=1)

    @property
    def input_rows(self) -> int:
        """Rows of Enc-LSTM0 Wx on the chip: expanded, or copies of the features."""
        return self.expand if self.expand is not None else self.input_copies * self.features

    @property
    def mapped_weights(self) -> int:
        """Weights of the network that analog memory holds, each counted once.

        Copies do not count; the embedding and Dec-LSTM0 Wx count separately, although the chip holds their product.
        The joint FC and all biases are digital.
        """
        gates = 4 * self.encoder
        encoder = gates * (self.features + self.stack * self.encoder + 3 * self.encoder + 5 * self.encoder)
        decoder = self.labels * self.prediction + 2 * 4 * self.prediction * 2 * self.prediction
        return encoder + decoder + (self.encoder + self.prediction) * self.joint
