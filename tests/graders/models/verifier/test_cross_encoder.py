from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from vivavoce.graders.errors import ModelMissing
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.models.verifier import CrossEncoderVerifier
from vivavoce.graders.models.verifier.cross_encoder import WEIGHTS
from vivavoce.graders.models.verifier.network import CrossEncoder
from vivavoce.graders.models.verifier.quantized_e5 import PackedE5
from vivavoce.graders.models.verifier.weights import save, seen_questions
from vivavoce.graders.testing import HashingEmbedder
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications

from . import tiny_e5

# To questions of the bank, in words that no qualification answer has: what makes the criteria, and what does not.
SAID = {
    ("distillation", ("soft-targets",)): {
        "en": (
            "The small network is fitted to the big one's whole next-word distribution, by minimising the divergence.",
            "The small network sees only the correct labels; the big one merely picks its learning rate.",
        ),
        "zh": (
            "小网络去拟合大网络对下一个词给出的整个分布，使两者的散度最小。",
            "小网络只看正确标签，大网络只负责挑选学习率。",
        ),
    },
    ("batch-normalization", ("layer-norm",)): {
        "en": (
            "GPT-style networks normalise every token by itself, with LayerNorm or its cheaper variant RMSNorm.",
            "GPT-style networks put BatchNorm after every block, as image networks do.",
        ),
        "zh": (
            "GPT 一类的网络对每个 token 单独做归一化，用 LayerNorm 或更省的 RMSNorm。",
            "GPT 一类的网络和图像网络一样，在每个模块后面放 BatchNorm。",
        ),
    },
    ("quantization", ("lower-precision", "why-faster")): {
        "en": (
            "Each weight is kept as a small whole number with a shared scale, INT8 or INT4 instead of FP16, so less "
            "memory has to be read.",
            "Quantization deletes neurons that are seldom used and leaves the number format as it is.",
        ),
        "zh": (
            "每个权重改用带共同比例因子的小整数来存，用 INT8 或 INT4 代替 FP16，要读的内存更少。",
            "量化就是删掉很少用到的神经元，数值格式保持不变。",
        ),
    },
    ("rlhf", ("reward-source", "policy-update", "kl-limit")): {
        "en": (
            "People compare pairs of replies, a reward model learns which one they like, and PPO then moves the policy "
            "towards replies of high reward, held near the old one by a KL penalty.",
            "People write the correct label for each sentence and the network is trained to classify it.",
        ),
        "zh": (
            "人对成对的回复做比较，奖励模型学会他们更喜欢哪个，"
            "再用 PPO 让策略朝高奖励的回复移动，并用 KL 惩罚保持不偏离原模型太远。",
            "人给每个句子写上正确的类别，网络再训练去分类。",
        ),
    },
}


@pytest.fixture(scope="module")
def verifier() -> CrossEncoderVerifier:
    return CrossEncoderVerifier(build_embedder(NANO_E5))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_paraphrases_get_higher_log_odds_than_mistakes(verifier: CrossEncoderVerifier, language: Language) -> None:
    surer = []
    for (name, criteria), answers in SAID.items():
        rubric = default_bank().get(name, language)
        statements = [_statement(rubric, criterion) for criterion in criteria]
        right, wrong = (
            verifier.log_odds([answer], statements, question=rubric.question) for answer in answers[language]
        )
        surer += [high > low for high, low in zip(right, wrong, strict=True)]
    assert len(surer) == 7
    assert sum(surer) >= 6


def test_log_odds_do_not_depend_on_other_statements(verifier: CrossEncoderVerifier) -> None:
    rubric, (right, _) = _rlhf()
    asked = [_statement(rubric, "reward-source"), _statement(rubric, "kl-limit")]
    together = verifier.log_odds([right], asked, question=rubric.question)
    assert together == [verifier.log_odds([right], [statement], question=rubric.question)[0] for statement in asked]


def test_the_end_of_a_long_answer_is_read(verifier: CrossEncoderVerifier) -> None:
    rubric, (right, _) = _rlhf()
    asked = [_statement(rubric, "kl-limit")]
    filler = ["There are many systems in the world and people use them every day for their work."] * 40
    (without,) = verifier.log_odds(filler, asked, question=rubric.question)
    (with_point,) = verifier.log_odds([*filler, right], asked, question=rubric.question)
    assert with_point > without + 1


@pytest.mark.parametrize(
    ("language", "recipe"),
    [
        ("en", ["Beat four eggs with the sugar.", "Sift the flour over them.", "Bake the cake for forty minutes."]),
        ("zh", ["把四个鸡蛋和白糖打匀。", "筛入面粉。", "放进烤箱烤四十分钟。"]),
    ],
)
def test_unrelated_text_changes_no_log_odds(
    verifier: CrossEncoderVerifier, language: Language, recipe: list[str]
) -> None:
    for (name, criteria), answers in SAID.items():
        rubric = default_bank().get(name, language)
        # An answer of as many sentences as are read at all.
        sentences = [*answers[language], rubric.expected_points[0].text]
        for statement in (_statement(rubric, criterion) for criterion in criteria):
            alone = verifier.log_odds(sentences, [statement], question=rubric.question)
            assert verifier.log_odds([*recipe, *sentences], [statement], question=rubric.question) == alone
            assert verifier.log_odds([*sentences, *recipe * 5], [statement], question=rubric.question) == alone


def _rlhf() -> tuple[Rubric, tuple[str, str]]:
    return default_bank().get("rlhf", "en"), SAID["rlhf", ("reward-source", "policy-update", "kl-limit")]["en"]


def _statement(rubric: Rubric, criterion: str) -> str:
    return next(item for item in rubric.criteria if item.id == criterion).levels[-1].description.strip()


def test_each_question_is_unseen_by_one_network() -> None:
    seen = [seen_questions(file) for file in sorted(WEIGHTS.glob("*.safetensors"))]
    for question in load_qualifications():
        assert sum(question not in questions for questions in seen) == 1, question


def test_the_network_without_the_question_answers(verifier: CrossEncoderVerifier) -> None:
    rubric, (right, _) = _rlhf()
    elsewhere = rubric.question.model_copy(update={"id": "not-in-the-bank"})
    asked = [_statement(rubric, "kl-limit")]
    (unseen,) = verifier.log_odds([right], asked, question=rubric.question)
    (mean,) = verifier.log_odds([right], asked, question=elsewhere)
    assert unseen != mean


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="install vivavoce again"):
        CrossEncoderVerifier(build_embedder(NANO_E5), tmp_path)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackedE5:
    tiny_e5.write_package(tmp_path, monkeypatch)
    return PackedE5()


def _write_network(packed: PackedE5, file: Path, *, log_odds: float, seen: list[str]) -> None:
    """A network that gives the same log-odds to everything."""
    network = CrossEncoder(packed)
    with torch.no_grad():
        network.product.zero_()
        network.first.bias.fill_(log_odds)
    file.parent.mkdir(exist_ok=True)
    save(network, file, seen=seen)


def _tiny_verifier(packed: PackedE5, folder: Path, first: float, second: float) -> CrossEncoderVerifier:
    """Networks trained on the question "quantization" and on the question "other"."""
    _write_network(packed, folder / "weights" / "a.safetensors", log_odds=first, seen=["quantization"])
    _write_network(packed, folder / "weights" / "b.safetensors", log_odds=second, seen=["other"])
    return CrossEncoderVerifier(HashingEmbedder(), folder / "weights")


@pytest.mark.parametrize(("question_id", "expected"), [("quantization", 1.0), ("other", 0.25), ("strange", 0.625)])
def test_networks_skip_questions_they_were_trained_on(
    tiny: PackedE5, tmp_path: Path, rubric: Rubric, question_id: str, expected: float
) -> None:
    verifier = _tiny_verifier(tiny, tmp_path, 0.25, 1.0)
    question = rubric.question.model_copy(update={"id": question_id})
    assert verifier.log_odds(["abc"], ["ab", "c"], question=question) == [expected, expected]


def test_a_question_that_all_have_seen_goes_to_all(tiny: PackedE5, tmp_path: Path, rubric: Rubric) -> None:
    for name, log_odds in (("a", 0.0), ("b", 1.0)):
        file = tmp_path / "weights" / f"{name}.safetensors"
        _write_network(tiny, file, log_odds=log_odds, seen=[rubric.question.id])
    verifier = CrossEncoderVerifier(HashingEmbedder(), tmp_path / "weights")
    assert verifier.log_odds(["abc"], ["ab"], question=rubric.question) == [0.5]


@pytest.mark.parametrize(
    ("log_odds", "expected"), [(7.0, 2.0), (2.0, 2.0), (-0.5, -0.5), (-7.0, -1.0), (0.12345, 0.123)]
)
def test_log_odds_are_clipped_and_rounded(
    tiny: PackedE5, tmp_path: Path, rubric: Rubric, log_odds: float, expected: float
) -> None:
    verifier = _tiny_verifier(tiny, tmp_path, log_odds, log_odds)
    assert verifier.log_odds(["abc"], ["ab"], question=rubric.question) == [expected]


def test_no_statements_have_no_log_odds(tiny: PackedE5, tmp_path: Path, rubric: Rubric) -> None:
    assert _tiny_verifier(tiny, tmp_path, 0.0, 0.0).log_odds(["abc"], [], question=rubric.question) == []


def test_only_the_nearest_sentences_count(tiny: PackedE5, tmp_path: Path, rubric: Rubric) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.manual_seed(1)
    network = CrossEncoder(tiny)
    with torch.no_grad():
        network.product.copy_(torch.randn(32))
        network.first.bias.fill_(0.5)
    save(network, folder / "a.safetensors", seen=[])
    verifier = CrossEncoderVerifier(HashingEmbedder(), folder)
    near = ["ab ab c", "ab c", "ab"]
    (alone,) = verifier.log_odds(near, ["ab"], question=rubric.question)
    assert verifier.log_odds([*near, "c c", "量"], ["ab"], question=rubric.question) == [alone]
    assert verifier.log_odds(["c c", *near, "量"], ["ab"], question=rubric.question) == [alone]
    assert verifier.log_odds(["量 量 c"], ["ab"], question=rubric.question) != [alone]


def test_the_revision_covers_all_weights(tiny: PackedE5, tmp_path: Path) -> None:
    first = _tiny_verifier(tiny, tmp_path, 0.0, 0.0).revision
    assert len(first) == 64
    assert _tiny_verifier(tiny, tmp_path, 0.0, 0.0).revision == first
    assert _tiny_verifier(tiny, tmp_path, 0.0, 0.5).revision != first


@pytest.mark.parametrize("library", ["torch", "tokenizers"])
def test_a_missing_library_is_named(
    tmp_path: Path, rubric: Rubric, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for name in ("weights", "network"):
        monkeypatch.delitem(sys.modules, f"vivavoce.graders.models.verifier.{name}", raising=False)
    verifier = CrossEncoderVerifier(HashingEmbedder())
    with pytest.raises(ModelMissing, match=rf"needs .*{library}.*: run 'pip install"):
        verifier.log_odds(["INT8."], ["It is small."], question=rubric.question)
