"""ALBERT-base on the chip: tiles, PCMs and chips in 4-PCM (published: 7.1 M weights on 28.3 M devices, one chip).

Source: Chen et al., Nat. Commun. 16 (2025), 10.1038/s41467-025-63794-4. Weights are random: their places depend on
shapes alone.
"""

from __future__ import annotations

import time

import torch
from transformers import AlbertConfig, AlbertModel

import pcmesh


def main() -> None:
    """Compile, run once and print the summary."""
    torch.manual_seed(0)
    config = AlbertConfig(
        vocab_size=1000, embedding_size=128, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        intermediate_size=3072,
    )  # fmt: skip
    model = AlbertModel(config, add_pooling_layer=False).eval()
    tokens = {"input_ids": torch.randint(0, 1000, (2, 32))}
    start = time.perf_counter()
    digital = {"encoder.embedding_hidden_mapping_in": "digital"}
    chip_model = pcmesh.compile(model, tokens, encoding="4-PCM", layers=digital, name="ALBERT-base")
    compiled = time.perf_counter()
    chip_model(**tokens)
    print(chip_model.summary())
    print(f"compile {compiled - start:.1f} s, two sentences of 32 tokens {time.perf_counter() - compiled:.1f} s")


if __name__ == "__main__":
    main()
