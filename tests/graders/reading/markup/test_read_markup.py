from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.graders.reading.normal_text import fold, normalise
from vivavoce.rubrics import default_bank

# The first example loads libraries.
no_deadline = settings(deadline=None)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<p>It&nbsp;is <b>INT8</b> &amp; small.<br></p><ul><li>a</li><li>b</li></ul>", "It is INT8 & small.\na\nb"),
        ('<p dir="ltr" style="text-align: left;">权重用 INT8，</p>\n<p>更小</p>', "权重用 INT8，\n更小"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<h2>Title</h2>text", "Title\ntext"),
        ("INT8 is smaller<br/>and faster", "INT8 is smaller\nand faster"),
        ("Weights are <strong>INT8</strong> instead", "Weights are INT8 instead"),
        ("<p>one<p>two", "one\ntwo"),
        ("INT8 is smaller.</p>", "INT8 is smaller."),
        ("<p>line\nwraps</p>", "line wraps"),
        ("<pre><code>if (a &lt; b) {\n  x();\n}</code></pre>", "if (a < b) {\nx();\n}"),
        ("<table><tr><td>INT8</td><td>8 bit</td></tr><tr><td>FP16</td><td>16</td></tr></table>", "INT8 8 bit\nFP16 16"),
        ("<p>x<sub>i</sub> and \\( a < b \\)</p>", "xi and \\( a < b \\)"),
        ("<math><mi>x</mi><mo>=</mo><mn>2</mn></math>", "x = 2"),
        ("<p>a</p><script>alert(1)</script><style>p{color:red}</style><p>b</p>", "a\nb"),
        ("<!--[if gte mso 9]><xml><w:x/></xml><![endif]--><P CLASS=MsoNormal>Hi<o:p></o:p></P>", "Hi"),
        ("<!--StartFragment-->INT8<!--EndFragment-->", "INT8"),
        ("<![CDATA[<p>x</p>]]>", "x"),
        ('<a href="https://example.org/full marks">link</a>', "link"),
        ('<p><img src="h.png" alt="attention weights per head"></p>', "[attention weights per head]"),
        ("<p>Use &lt;p&gt; for a paragraph</p>", "Use <p> for a paragraph"),
        ("<p>I don&#39;t know&#x2E;</p>", "I don't know."),
        ("<p>a &ampb &nbsp c &copy d</p>", "a &b c © d"),
        ("<p>double&amp;nbsp;escaped &amp;lt; here</p>", "double escaped < here"),
        ("&lt;p&gt;escaped &amp;amp; whole&lt;/p&gt;", "escaped & whole"),
        ("please&#32;give&#x20;this&nbsp;answer", "please give this answer"),
        ("<p>Unclosed <script> tag here</p>", "Unclosed <script> tag here"),
        ('<p>It is small.</p><grammarly-extension data-shadow-root="true"></grammarly-extension>', "It is small."),
        ("It is small.<grammarly-extension data-shadow-root></grammarly-extension>", "It is small."),
        ("It is small.<word-counter></word-counter>", "It is small."),
        ('<app-root _ngcontent-abc-c12="" data-v-1a2b>It is small.</app-root>', "It is small."),
        ("<app-root><p>It</p><p>is small.</p></app-root>", "It\nis small."),
        ("It is small.<o:p></o:p>", "It is small."),
        ('It is small.<script src="chrome-extension://abc/x.js">f()</script>', "It is small."),
        ("<p><b>the router picks<p>two experts", "the router picks\ntwo experts"),
        ("<b>the router picks<p>two experts", "the router picks\ntwo experts"),
        ("<div>the <i>router picks<div>two experts", "the router picks\ntwo experts"),
        ("<p>A&nbsp；B &amp；C&#39；</p>", "A B &C'"),
        ("他说&ldquo；量化&rdquo；很重要", "他说“量化”很重要"),
    ],
)  # fmt: skip
def test_html_becomes_the_text_that_a_reader_sees(raw: str, text: str) -> None:
    assert normalise(raw).text == text


@pytest.mark.parametrize(
    "raw",
    [
        "<p>&nbsp;</p>", "<p></p>", "<p><br></p>", '<p dir="ltr" style="text-align: left;"><br></p>', "<div></div>",
        "&nbsp;", "<br>", "<p>&#8203;</p>", "<ul><li></li></ul>", "<p>\n</p>\n<p> </p>",
        "&lt;p&gt;&amp;nbsp;&lt;/p&gt;",
        "<!--[if gte mso 9]><xml><w:View></w:View></xml><![endif]--><p class=MsoNormal><o:p>&nbsp;</o:p></p>",
        "<style>p {margin: 0}</style><p><span lang=EN-US></span></p>",
    ],
)  # fmt: skip
def test_empty_html_has_no_text(raw: str) -> None:
    assert normalise(raw).text == ""


@pytest.mark.parametrize(
    "raw",
    [
        "a < b", "a<b", "x<y && y>z", "if a<b and c>d then", "vector<int> v;", "List<String> and Map<K,V>", "List<a> b",
        "#include <stdio.h>\nint main(){}", "<|im_start|>user", "The <EOS> token ends it.", "<s>BOS</s> tokens",
        "<s> a b",
        "<think>ok</think> INT8", "<mask>", "<b>", "use <p> for a paragraph", "Use the <br> tag.", "用 <br> 标签换行",
        "Use `<b>text</b>` for bold.", 'Write "<a href=x>" here.', "<p> and <div> are block elements",
        "<script>alert(1)</script> is an attack", "<script>alert(1)</script>", "I </3 tags",
        "<!-- and --> are comments",
        "<![x y]>", "Escape < as &lt; and > as &gt;", "p = &num; q = &sum;", "int &x = y; a &copy b", "R&D & more",
        "GET /users/<user-id>/orders", "Set <your-api-key> in the header", "Angular renders the <app-root> element",
        "Wrap it in <user-input> and </user-input> tags", "<begin-of-text> and <end-of-text>", "x &lt y；z",
        "R&D；与市场",
        '<script src="https://example.org/x.js"></script> loads code', "<b>x",
        "a<", "</",
        "<p", "<!", "&#", "&", "&#99999999999999999999;", "f(&lt)", "generic <T extends Comparable<T>>", "x <- y",
        "<-->",
        '<svg xmlns="x"><rect width="2"/></svg>', "<config><name>x</name></config>", "std::map<std::string, int> m;",
    ],
)  # fmt: skip
def test_text_that_is_no_html_stays(raw: str) -> None:
    assert normalise(raw).text == raw


def test_answers_of_the_bank_are_no_html() -> None:
    for rubric in default_bank():
        for reference in rubric.references:
            assert normalise(reference.text) == fold(reference.text)


@no_deadline
@given(st.text(max_size=200).filter(lambda text: "<" not in text and "&" not in text))
def test_text_without_tags_and_entities_keeps_its_normal_form(raw: str) -> None:
    assert normalise(raw) == fold(raw)


@no_deadline
@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<br>", "&nbsp;", "&lt;", "<b", ">", "量化", "INT8 ", "\n", "<!--", "-->", "&", '"']
        ),
        max_size=25,
    )
)
def test_offsets_are_ordered_and_in_range(pieces: list[str]) -> None:
    raw = "".join(pieces)
    normal = normalise(raw)
    assert len(normal.text) == len(normal.starts) == len(normal.ends)
    assert list(normal.starts) == sorted(normal.starts)
    assert all(0 <= start < end <= len(raw) for start, end in zip(normal.starts, normal.ends, strict=True))


@pytest.mark.parametrize(
    ("raw", "part", "original"),
    [
        ("<p>It&#39;s <b>INT8</b> now</p>", "It's", "It&#39;s"),
        ("<p>It is <b>INT8</b> now</p>", "INT8", "INT8"),
        ("<p>It is <b>INT8</b> now</p>", "is INT8 now", "is <b>INT8</b> now"),
        ("&lt;p&gt;a &amp;amp; b&lt;/p&gt;", "& b", "&amp;amp; b"),
        ("<p>權重&nbsp;變小</p>", "权重 变小", "權重&nbsp;變小"),
    ],
)
def test_a_part_leads_back_to_the_html(raw: str, part: str, original: str) -> None:
    normal = normalise(raw)
    start = normal.text.index(part)
    low, high = normal.raw_span(start, start + len(part))
    assert raw[low:high] == original


@pytest.mark.parametrize(
    ("raw", "pictures"),
    [
        ('<p><img src="data:image/png;base64,AAAA"></p>', 1),
        ('<p>See <img src="a.png" alt="image.png"> and <video src="b.mp4"></video></p>', 2),
        ('<p><img src="a.png" alt="attention weights per head"></p>', 0),
        ("<p>no picture</p>", 0),
        ("an <img> tag in prose is a tag", 0),
    ],
)
def test_pictures_that_no_text_stands_for_are_counted(raw: str, pictures: int) -> None:
    assert normalise(raw).pictures == pictures


@pytest.mark.parametrize(
    "piece",
    ["<!--", "<a ", "<script>", "&#", "<", "</a", '<p a="', "<b><b", "<a b='", "&lt;p", "<![x", "\u200b", "a\u200b"],
)
def test_reading_takes_time_in_proportion(piece: str) -> None:
    started = time.perf_counter()
    normalise(piece * (20_000 // len(piece)))
    assert time.perf_counter() - started < 2
