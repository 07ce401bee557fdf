from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
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


def test_only_matrices_are_quantized(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    weights.save(network, tmp_path / "w.safetensors", seen=())
    written = load_file(tmp_path / "w.safetensors")
    assert {name: values.dtype for name, values in written.items()} == {
        "0.weight": torch.int8,
        "0.weight.scale": torch.float32,
        "0.bias": torch.float32,
        # A matrix of one row stays as it is.
        "1.weight": torch.float32,
        "1.bias": torch.float32,
    }
    assert written["0.weight.scale"].shape == (3, 1)
    assert written["0.weight"].abs().amax(dim=1).tolist() == [127, 127, 127]
    assert torch.equal(written["1.weight"], network[1].weight)


def test_a_row_of_zeros_comes_back(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -0.5]]))
    weights.save(network, tmp_path / "w.safetensors", seen=())
    other = nn.Sequential(nn.Linear(2, 2))
    weights.load(other, tmp_path / "w.safetensors")
    assert other[0].weight[0].tolist() == [0.0, 0.0]
    assert other[0].weight[1].tolist() == pytest.approx([1.0, -0.5], abs=1 / 254)


def test_frozen_weights_are_not_written(tmp_path: Path) -> None:
    weights.save(_network(1), tmp_path / "w.safetensors", seen=())
    assert sorted(load_file(tmp_path / "w.safetensors")) == ["1.bias", "1.weight", "1.weight.scale"]


def test_saving_again_loses_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    weights.save(_network(1), first, seen=())
    network = _network(2)
    weights.load(network, first)
    weights.save(network, second, seen=())
    before, after = load_file(first), load_file(second)
    assert all(torch.allclose(before[name].float(), after[name].float()) for name in before)


@pytest.mark.parametrize("seen", [[], ["b", "a", "b"], ["量化"]])
def test_seen_questions_come_back(tmp_path: Path, seen: list[str]) -> None:
    weights.save(_network(1), tmp_path / "w.safetensors", seen=seen)
    assert weights.seen_questions(tmp_path / "w.safetensors") == frozenset(seen)
