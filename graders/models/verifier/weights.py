"""Files of trained weights: matrices in eight bits with one scale a row, everything else as it is."""

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
    """Write the trainable weights of a model, and the ids of the bank's questions (`seen`) it was trained on.

    Matrices of more than one row are quantized: the error is at most half of 1/127 of the row's largest weight.
    """
    tensors = {}
    for name, values in model.named_parameters():
        if not values.requires_grad:
            continue
        tensors[name] = values.detach().clone()
        if values.dim() == 2 and values.shape[0] > 1:
            # The clamp keeps a row of zeros from dividing by zero.
            scale = tensors[name].abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
            tensors[name + _SCALE] = scale
            tensors[name] = (tensors[name] / scale).round().to(torch.int8)
    save_file(tensors, path, metadata={_SEEN: json.dumps(sorted(seen))})


def seen_questions(path: Path) -> frozenset[str]:
    """Ids of the bank's questions whose answers the weights of a file were trained on."""
    with safe_open(path, framework="pt") as file:
        return frozenset(json.loads(file.metadata()[_SEEN]))


def load(model: nn.Module, path: Path) -> None:
    """Load the weights of a file into a model; weights that the file does not have stay as they are.

    Raises ValueError if the file has a weight that the model does not have.
    """
    tensors = load_file(path)
    values = {
        name: tensor.float() * tensors[name + _SCALE] if name + _SCALE in tensors else tensor
        for name, tensor in tensors.items()
        if not name.endswith(_SCALE)
    }
    # Not strict: frozen weights are not in the file.
    keys = model.load_state_dict(values, strict=False)
    if keys.unexpected_keys:
        raise ValueError(f"{path} holds weights of another network: {keys.unexpected_keys[0]}")
