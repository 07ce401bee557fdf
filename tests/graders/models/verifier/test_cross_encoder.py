from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.graders.errors import ModelMissing
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.models.verifier import CrossEncoderVerifier
from vivavoce.graders.models.verifier.cross_encoder import WEIGHTS
from vivavoce.graders.models.verifier.weights import seen_questions
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications

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
