from __future__ import annotations

import pytest

from vivavoce.graders.reading.language import detect_language

CHINESE = [
    "residual connection 和 layer norm 让 deep network 更好训练。",
    "用 KV cache 存 key 和 value，decode 时不用重算 attention。",
    "把 KV cache 分成 block，用 PagedAttention 管理，减少 fragmentation，这样 throughput 更高。",
    "Quantization 就是把 FP16 换成 INT8，用 post-training quantization 或者 quantization-aware training。",
    "我觉得 self-attention 就是让每个 token 去看其他 token，multi-head 是并行做几次。",
    "用 Transformer 做 embedding",
    "先做 SFT，再做 RLHF，最后用 DPO 对齐。",
    "LoRA 只训练 low-rank matrices，frozen weights 不动。",
    "batch size 太大会 OOM，可以用 gradient accumulation。",
    "RAG 先 retrieve 再 generate，所以 hallucination 更少。",
    "softmax 之前要除以 sqrt(d_k)，不然 gradient 会 vanish。",
    "tokenizer 用 BPE，vocabulary 大概 32k。",
    "deploy 的时候用 Docker 加 Kubernetes，autoscaling 看 QPS。",
    "論文標題是 Attention is all you need，它提出了自注意力。",
    "用 residual connection 與 layer norm 讓 deep network 更好訓練。",
    "encoder 是 bidirectional，decoder 是 causal。",
    "overfitting 就加 dropout 或者 weight decay。",
    "我用 PyTorch 的 DistributedDataParallel 做 data parallel training。",
    "precision 和 recall 的 trade-off 看 threshold。",
    "mixed precision 用 FP16 做 forward，FP32 存 master weights。",
    "这个 pipeline 有 data cleaning、feature engineering、model training。",
    "CI 里跑 unit test，CD 里做 canary release。",
    "把 learning rate 设成 3e-4，warmup 1000 steps。",
    "prompt 里给 few-shot examples，让 model 学 format。",
    "不知道", "量化", "更少比特", "（空白）", "BERT（双向编码器）", "不會",
    "Redis 做 cache，Kafka 做 message queue，MySQL 存 order。",
    "overfitting，加 dropout", "Transformer + KV cache，加 batching", "gradient explosion，用 clipping",
    "overfitting,加dropout", "learning rate 调低，weight decay 加大", "RAG：retrieval + rerank，再 generation",
    "過擬合，加 dropout",
    '<p dir="ltr" style="text-align: left;">用 cache</p>',
]  # fmt: skip
OTHER = [
    "The word 注意力 means attention in Chinese.",
    "In Chinese one would say “我们用注意力机制来计算权重”, that is, attention computes weights.",
    "Quantization stores weights in fewer bits.",
    "The model 通义千问 was trained by Alibaba and it is open.",
    "We translated 机器学习 as machine learning and 深度学习 as deep learning in the glossary.",
    "I worked at 字节跳动 for two years on ranking models.",
    "A tokenizer splits 自然语言处理 into several tokens because BPE was trained on English text.",
    "For 李雷 and 韩梅梅 the system returns the same embedding, which is a bug.",
    "The answer is in the section 附录 of the document.",
    "Word segmentation is hard, as 南京市长江大桥 shows: it can be read in two ways.",
    "Our users typed 你好 and the bot replied in English.",
    "It is called 量化 there.",
    "The label 正面 means positive and 负面 means negative.",
    "We support simplified (简体) and traditional (繁體) text.",
    "The prompt began with 你是一个助手 and then gave the rules for the task.",
    "He said 谢谢 and left the call.",
    "The title 红楼梦 is often translated as Dream of the Red Chamber.",
    "Precision is TP/(TP+FP).", "INT8", "42", "", "12 !?", "...", "def f(x): return x",
    "어텐션은 가중치를 계산한다", "注意機構は重みを計算するためのものです", "かなかな", "モデルを小さくする",
    "学習率を下げる", "Overfitting，use dropout。", "Use “加” here",
    "The character “加” means add, and “减” means subtract.",
    "Ceci n'est pas une réponse.",
    "Это не ответ", "Los pesos se guardan en ocho bits.",
]  # fmt: skip


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_with_english_terms_is_chinese(text: str) -> None:
    assert detect_language(text) == "zh"


@pytest.mark.parametrize("text", OTHER)
def test_a_text_that_quotes_chinese_is_not(text: str) -> None:
    assert detect_language(text) == "en"
