from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from vivavoce.graders.models.verifier import weights


def _network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(8, 5), nn.Linear(5, 3))
    network[0].requires_grad_(False)
    return network


def test_trained_weights_come_back_rounded(tmp_path: Path) -> None:
    trained, other = _network(1), _network(2)
    untouched = other[0].weight.clone()  # type: ignore[index]
    weights.save(trained, tmp_path / "w.safetensors", seen={"b", "a"})
    weights.load(other, tmp_path / "w.safetensors")
    before, after = trained[1], other[1]  # type: ignore[index]
    steps = before.weight.abs().amax(dim=1, keepdim=True) / 127
    assert torch.all((before.weight - after.weight).abs() <= steps / 2 + 1e-7)
    assert torch.equal(before.bias, after.bias)
    assert weights.seen_questions(tmp_path / "w.safetensors") == {"a", "b"}
    assert torch.equal(other[0].weight, untouched)  # type: ignore[index]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights.save(_network(1), tmp_path / "w.safetensors", seen=())
    with pytest.raises(ValueError, match="weights of another network"):
        weights.load(nn.Sequential(nn.Linear(8, 5)), tmp_path / "w.safetensors")
