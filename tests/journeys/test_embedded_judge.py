"""The main job with nothing made up: a real service process, its real worker, the real judge."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.judge, pytest.mark.timeout(600)]


GOOD = (
    "Quantization keeps the weights in INT8 or INT4 instead of FP16, so there is less to read from memory. You can "
    "do it after training with a few calibration samples, or simulate it during training so that the model adapts. "
    "The price is some accuracy, mostly below 4 bits."
)
WEAK = "It makes the model smaller."
# Wrong, but with a word of the reference's that is not Chinese; and right, in words that are not the reference's.
ONE_WORD = {
    "quantization": "INT8 是一种显卡接口，插上以后模型就会变聪明，不需要付出任何代价。",
    "retrieval": "RAG 是一种压缩图片的格式，和语言模型没有关系。",
    "self-attention": "softmax 是一家做显卡的公司，自注意力是它们产品里的一个散热功能，跟模型怎么读文字没有关系。",
    "rlhf": "PPO 是一种文件格式，用来保存对话记录，训练完就可以删掉，和奖励没有关系。",
    "mixed-precision": "FP16 是第十六版训练软件的名字，装上它训练就会自动变快，其他什么都不用管。",
    "knowledge-graphs": "Cypher 是一种给图片加密的软件，知识图谱就是公司的组织结构图，打印出来贴在墙上就行。",
}
OTHER_WORDS = {
    "quantization": (
        "把每个参数从十六位浮点改成八位或四位的整数来保存，每次要搬运的数据少了，推理自然就快，占的空间也小。"
        "可以在训完之后拿少量样本来定缩放比例，也可以边训边模拟取整的误差，让模型自己适应。"
        "代价是回答质量会掉一点，位数太低时掉得更明显。"
    ),
    "retrieval": (
        "先把资料切成小段，用编码模型转成向量；提问也转成向量，找出方向最接近的几段，连同提问一起交给模型，让它只根据这些作答。"
        "资料很多时不逐条比较，用分层图或分桶的近似查找来提速。"
        "为了更准，再用精排模型把候选重新排一遍，并和关键词查找的结果合并。"
    ),
    "self-attention": (
        "句子里每个词先各自算出三组数，一组拿来问，一组拿来被问，一组是内容。问的和被问的相乘，归一化成比例，"
        "再按比例把所有内容加起来，就是这个词的新表示。这样相隔很远的词也能直接看到彼此，同一个词在不同句子里意思也就不同。"
        "实际会分成好几路同时算，生成时还要把后面的词挡住。"
    ),
    "rlhf": (
        "先让人两两比较模型写的回复，学出一个会打分的模型；然后让要训的模型自己写、拿分数，用近端策略优化朝高分方向调。"
        "但不能让它离原来的模型太远，偏离多了要扣分，不然它会专门讨好打分的模型。"
        "嫌麻烦也可以不走这个循环，直接在成对的好坏回复上训练。"
    ),
    "mixed-precision": (
        "训练时大多数乘法用十六位的浮点数来算，又快又省显存；但参数另存一份三十二位的，更新加在那一份上，免得太小的改动丢掉。"
        "十六位里很小的梯度会变成零，所以先把损失放大很多倍，更新前再缩回去。"
        "有一种十六位格式能表示的范围和三十二位一样宽，用它就不必放大。"
    ),
    "knowledge-graphs": (
        "先认出问题里说的是哪个人、哪家公司，在图里找到对应的点。再顺着它们之间的连线一步一步走，走两三步就能把分散的事实串起来。"
        "把走过的路写成句子，和问题一起交给大模型，让它照着回答。这样它不容易瞎编，答案从哪来也查得到。"
    ),
}


@contextmanager
def _service(state: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "vivavoce.cli", "serve", "--port", str(port)],
        env={**os.environ, "VIVA_STATE_DIR": str(state)},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False) as client:
            _wait_until(lambda: _is_ready(client), seconds=120)
            client.headers["Authorization"] = f"Bearer {_read_local_key(state)}"
            yield process, client
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) is not None


def _read_local_key(state: Path) -> str:
    """The key that the service made for this machine, as the README's lines get it."""
    command = [sys.executable, "-m", "vivavoce.cli", "admin", "local-key"]
    environment = {**os.environ, "VIVA_STATE_DIR": str(state)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def _submit(client: httpx.Client, answer: str, *, question: str = "quantization", language: str = "en") -> str:
    body = {"question_id": question, "language": language, "answer": answer}
    return str(client.post("/v1/gradings", json=body).raise_for_status().json()["id"])


def _finish(client: httpx.Client, grading_id: str) -> dict[str, Any]:
    for _ in range(6):
        grading = client.get(f"/v1/gradings/{grading_id}", params={"wait": 30}).json()
        if grading["state"] not in {"queued", "running"}:
            return dict(grading["report"])
    raise AssertionError("it was not graded in time")


def _judge_pid(service: subprocess.Popen[bytes]) -> int:
    found = subprocess.run(
        ["pgrep", "-P", str(service.pid), "-f", "judge.servers.embedded"], capture_output=True, check=True
    )
    return int(found.stdout.split()[0])


def test_good_answers_score_above_weak_ones_and_reports_say_why(tmp_path: Path) -> None:
    with _service(tmp_path / "first") as (_, client):
        ids = [_submit(client, answer) for answer in (GOOD, WEAK)]
        good, weak = (_finish(client, grading_id) for grading_id in ids)
        assert good["score"] >= weak["score"] + 2
        provenance = good["provenance"]
        assert provenance["engine"] == "llamacpp"
        assert provenance["model"] == "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M"
        assert provenance["model_revision"].startswith("cc324af070c2")
        assert provenance["judge_calls"] > 0

        again = _finish(client, _submit(client, GOOD))
        assert again["score"] == good["score"]
        assert again["provenance"]["judge_calls"] == 0

        shared, other = _score_in_chinese(client, ["retrieval", "quantization"])
        assert max(shared) < min(other)

    # An empty database, the other order, and a judge that is killed first: the same scores.
    with _service(tmp_path / "second") as (service, client):
        judge = _judge_pid(service)
        os.kill(judge, signal.SIGKILL)
        ids = [_submit(client, answer) for answer in (WEAK, GOOD, "I don't know")]
        scores = [_finish(client, grading_id)["score"] for grading_id in ids]
        assert _judge_pid(service) != judge
        assert scores == [weak["score"], good["score"], 0]


def test_a_stopped_service_loses_nothing_and_leaves_no_judge_behind(tmp_path: Path) -> None:
    with _service(tmp_path) as (service, client):
        judge = _judge_pid(service)
        ids = [_submit(client, f"{WEAK} Variant {number}.") for number in range(2)]
    assert not Path(f"/proc/{judge}").exists()
    with _service(tmp_path) as (_, client):
        assert all(_finish(client, grading_id)["score"] is not None for grading_id in ids)


@pytest.mark.long
def test_one_shared_word_earns_nothing_in_chinese_and_other_words_for_the_same_do(tmp_path: Path) -> None:
    with _service(tmp_path) as (_, client):
        shared, other = _score_in_chinese(client, list(ONE_WORD))
    assert fmean(shared) <= 2, shared
    assert fmean(other) >= 5, other
    # Of whatever question: no wrong answer comes near a right one.
    assert max(shared) < min(other), (shared, other)


def _score_in_chinese(client: httpx.Client, questions: list[str]) -> tuple[list[float], list[float]]:
    """Scores of wrong answers that share one word with the reference, and of right ones in other words."""
    ids = [
        [_submit(client, answers[question], question=question, language="zh") for question in questions]
        for answers in (ONE_WORD, OTHER_WORDS)
    ]
    shared, other = ([float(_finish(client, grading_id)["score"]) for grading_id in group] for group in ids)
    return shared, other
