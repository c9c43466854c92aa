"""Architectures from the configurations of the `transformers` library, at small widths, with random weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

Made = tuple[nn.Module, Any]


def _hugging(name: str, config: str, inputs: Mapping[str, Tensor], **options: Any) -> Made:
    import transformers

    made = getattr(transformers, config)(**options)
    made._attn_implementation = "sdpa"
    return getattr(transformers, name)(made), dict(inputs)


_ENCODER = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def _words() -> dict[str, Tensor]:
    return {"input_ids": torch.randint(0, 40, (2, 7)), "attention_mask": torch.ones(2, 7, dtype=torch.long)}


def bert() -> Made:
    return _hugging("BertForSequenceClassification", "BertConfig", _words(), vocab_size=40, **_ENCODER)


def albert() -> Made:
    return _hugging("AlbertModel", "AlbertConfig", _words(), vocab_size=40, embedding_size=12, **_ENCODER)


def distilbert() -> Made:
    return _hugging(
        "DistilBertModel", "DistilBertConfig", _words(), vocab_size=40, dim=24, n_layers=1, n_heads=2, hidden_dim=32
    )


def gpt2() -> Made:
    inputs = {"input_ids": torch.randint(0, 40, (2, 6))}
    return _hugging(
        "GPT2LMHeadModel",
        "GPT2Config",
        inputs,
        vocab_size=40,
        n_positions=16,
        n_embd=24,
        n_layer=2,
        n_head=2,
        use_cache=False,
    )


def llama() -> Made:
    inputs = {"input_ids": torch.randint(0, 40, (2, 6))}
    return _hugging("LlamaForCausalLM", "LlamaConfig", inputs, vocab_size=40, use_cache=False, **_ENCODER)


def vit() -> Made:
    inputs = {"pixel_values": torch.randn(2, 3, 16, 16)}
    return _hugging("ViTModel", "ViTConfig", inputs, image_size=16, patch_size=8, **_ENCODER)


def whisper_encoder() -> Made:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = WhisperConfig(
        d_model=24,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        num_mel_bins=8,
        max_source_positions=10,
    )
    return WhisperEncoder(config), {"input_features": torch.randn(2, 8, 20)}


def wav2vec2() -> Made:
    inputs = {"input_values": torch.randn(2, 600)}
    return _hugging(
        "Wav2Vec2Model", "Wav2Vec2Config", inputs, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4),
        num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, **_ENCODER,
    )  # fmt: skip


LANGUAGE = (bert, albert, distilbert, gpt2, llama, vit, whisper_encoder, wav2vec2)
