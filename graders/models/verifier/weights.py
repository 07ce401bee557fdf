"""Weights on disk: eight bits for what training changed, with a scale for each row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

_SCALE = ".scale"
_SEEN = "questions"


def save(model: nn.Module, path: Path, *, seen: Iterable[str]) -> None:
    """Write the weights that were trained, and by whose answers: the identifiers of the bank's questions.

    Matrices lose what lies below 1/127 of the largest weight of their row.
    """
    tensors = {}
    for name, values in model.named_parameters():
        if not values.requires_grad:
            continue
        tensors[name] = values.detach().clone()
        if values.dim() == 2 and values.shape[0] > 1:
            scale = tensors[name].abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
            tensors[name + _SCALE] = scale
            tensors[name] = (tensors[name] / scale).round().to(torch.int8)
    save_file(tensors, path, metadata={_SEEN: json.dumps(sorted(seen))})


def seen_questions(path: Path) -> frozenset[str]:
    """The questions of the bank whose answers the weights of a file were trained on."""
    with safe_open(path, framework="pt") as file:
        return frozenset(json.loads(file.metadata()[_SEEN]))


def load(model: nn.Module, path: Path) -> None:
    """Put the weights of a file into a model; raises ValueError when they are another network's."""
    tensors = load_file(path)
    values = {
        name: tensor.float() * tensors[name + _SCALE] if name + _SCALE in tensors else tensor
        for name, tensor in tensors.items()
        if not name.endswith(_SCALE)
    }
    found = model.load_state_dict(values, strict=False)
    if found.unexpected_keys:
        raise ValueError(f"{path} holds weights of another network: {found.unexpected_keys[0]}")
