"""One Chinese script: traditional characters, and Japanese forms of them, become simplified ones, one for one."""

from __future__ import annotations

import re
from functools import cache

from opencc import OpenCC

from vivavoce.rubrics import Rubric

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAN_PATTERN = re.compile(f"[{HAN}]")
# OpenCC leaves these; none of them is used in simplified Chinese.
_LEFT_BY_OPENCC = {
    pair[0]: pair[1]
    for pair in """
    妳你 牠它 祂他 牴抵 揹背 衞卫 枱台 鍊链 衹只 菸烟 麽么 囘回 囬回 価价 満满 採采 対对 関关
    実实 続续 変变 様样 応应 図图 検检 証证 権权 訳译 気气 読读 経经 総总 験验 発发 処处 帰归
    単单 営营 辺边 剤剂 済济 択择 拡扩 広广 圧压 囲围 団团 穏稳 歩步 毎每 沢泽 産产 県县 絵绘
    脳脑 薬药 蔵藏 覚觉 観观 転转 軽轻 遅迟 釈释 鉄铁 録录 雑杂 類类 駆驱 騒骚 齢龄 黒黑 歓欢
    勧劝 労劳 効效 収收 壊坏 覧览 徴征 恵惠 悪恶 戦战 払拂 拠据 挙举 斉齐 暁晓 栄荣 桜樱 楽乐
    歯齿 浄净 渋涩 焼烧 畳叠 粛肃 縦纵 繊纤 聴听 舗铺 荘庄 訳译 譲让 銭钱 隠隐 霊灵 顕显 髪发
    鶏鸡 亜亚 仏佛 仮假 倹俭 両两 乗乘 剰剩 勲勋 厳严 塩盐 増增 専专 巌岩 廃废 弐贰 弾弹 従从
    抜拔 掲揭 揺摇
    """.split()
}
# Characters with two simplified forms; neighbours, simplified already, decide.
_BY_NEIGHBOURS = re.compile(
    r"""(?x)
    (?<=[回答反批])覆(?![盖没]) | 覆(?=[盘述核查议审诊]) | 座(?=标) | (?<=[锻训提熔精修])链 | 甚(?=么)
    | (?<![狼慰蕴枕])藉 | 瞭(?![望哨])
    | (?<![名显专原编论译遗巨卓土昭拙旧新所合撰])著(?![作名称述者录书有])
    """
)
_FORMS = {"覆": "复", "座": "坐", "链": "炼", "甚": "什", "藉": "借", "瞭": "了", "著": "着"}


class _Simplified(dict[int, str]):
    """Table for `str.translate` from traditional Chinese characters to simplified ones, one for one, by OpenCC."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        simplified = _LEFT_BY_OPENCC.get(character, character)
        # A second time, as two characters have a form in between.
        for _ in range(2):
            converted = _load_converter().convert(simplified) if has_han(simplified) else simplified
            # Two characters for one would shift all later offsets.
            simplified = converted if len(converted) == 1 else simplified
        self[code] = simplified
        return simplified


_SIMPLIFIED = _Simplified()


@cache
def _load_converter() -> OpenCC:
    return OpenCC("t2s")


def has_han(text: str) -> bool:
    """Whether the text has a Chinese character."""
    return bool(_HAN_PATTERN.search(text))


def simplify(text: str) -> str:
    """The text in simplified characters; it has as many characters as before, and is its own simplified form."""
    if not has_han(text):
        return text
    return _BY_NEIGHBOURS.sub(lambda match: _FORMS[match.group()], text.translate(_SIMPLIFIED))


def write_in_one_script(rubric: Rubric) -> Rubric:
    """The rubric in simplified characters, as answers are read; the same one if it has no others."""
    written = rubric.model_dump_json()
    simplified = simplify(written)
    return rubric if simplified == written else Rubric.model_validate_json(simplified)
