"""The page of `viva bench accuracy --html`: its figures as tables and plots, with no script and nothing loaded."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vivavoce import __version__
from vivavoce.graders.scoring.confidence import CONFIDENT_SHARE

from . import agreement
from .accuracy import Case

COLUMNS = {
    "pearson": (
        "Pearson",
        "correlation with people's grades, -1 to 1, and the range that holds it in 95 of 100 samples",
    ),
    "spearman": ("Spearman", "correlation of the ranks, -1 to 1"),
    "within_question": (
        "Within question",
        "Pearson once each question's mean is taken off: good answers told from poor",
    ),
    "rmse": ("RMSE", "typical distance to people's grades, 0 to 1: the root of the mean squared difference"),
    "wrmse": ("Weighted RMSE", "the same with every tenth of people's scale weighing as much as any other"),
    "qwk": ("Kappa", "agreement beyond chance, -1 to 1, far misses counting by their square"),
    "bias": ("Bias", "mean of machine less people, -1 to 1: above 0 the machine is the milder"),
    "ece": ("Calibration error", "how far scores lie from the mean grade of answers with about that score, 0 to 1"),
}
ROWS = {
    "rouge": "the score that overlap of words with the reference alone suggests",
    "embedding": "the score that likeness of meaning to the reference alone suggests",
    "judge": "the score that the language model alone suggests",
    "combined": "the score that vivavoce gives, from all of them; the plots show it",
    "mean": "the mean of people's grades for every answer: what a score must beat",
    "human": "one person's grade against another's of the same answer, where several graded",
}

_INK, _SOFT, _LINE, _MARK = "#1d2733", "#5b6876", "#dde3ea", "#4a7be6"
# The page says what these are in the light and in the dark.
_NAMED_COLOURS = {_INK: "var(--ink)", _SOFT: "var(--soft)", _LINE: "var(--line)", _MARK: "var(--mark)"}
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "vivavoce",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
}
_INCHES = (3.6, 3.5)
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_JITTER = 0.015
# More of them as shapes of their own make the page slow; then they are one picture, in a colour for light and dark.
_MOST_SHAPES = 3000
_FEW = 20
_LEAST_SHARE = 0.1
_SHARES_TOLD = (0.1, 0.25, 0.5, CONFIDENT_SHARE, 1.0)

Draw = Callable[[Axes, Sequence[Case], Mapping[str, Any]], str]


@dataclass(frozen=True)
class _Plot:
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class _Section:
    key: str
    title: str
    figures: Mapping[str, Any]
    plots: Sequence[_Plot]


def write_page(path: Path, found: Mapping[str, Any], cases: Sequence[Case]) -> None:
    """Write the page of the figures that `--json` writes and of the cases they are of; the same bytes for the same."""
    sections = [
        _section(f"set{number}", name, figures, [case for case in cases if case.dataset == name])
        for number, (name, figures) in enumerate(found["sets"].items(), start=1)
    ]
    if "pooled" in found:
        sections.insert(0, _section("all", "All answers together", found["pooled"], cases))
    environment = Environment(
        loader=PackageLoader("vivavoce.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("accuracy.html").render(
        found=found,
        answers=len(cases),
        sections=sections,
        columns=COLUMNS,
        rows=ROWS,
        confident_share=CONFIDENT_SHARE,
        version=__version__,
    )
    path.write_text(page, encoding="utf-8")


def _section(key: str, title: str, figures: Mapping[str, Any], cases: Sequence[Case]) -> _Section:
    plots = [
        _Plot(
            name,
            caption,
            _draw(draw, cases, figures, key=f"{key}-{draw.__name__.strip('_')}", title=f"{name}: {title}"),
        )
        for name, caption, draw in _PLOTS
    ]
    return _Section(key, title, figures, plots)


def _scatter(axes: Axes, cases: Sequence[Case], figures: Mapping[str, Any]) -> str:
    human, machine = _grades(cases)
    shift = np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(cases))
    _unit_square(axes, x="machine score", y="human grade")
    many = len(cases) > _MOST_SHAPES
    alpha = 0.2 if many else 0.5
    axes.scatter(machine, human + shift, s=16, color=_MARK, alpha=alpha, linewidths=0, rasterized=many)
    combined = figures["rows"]["combined"]
    return f"{len(cases)} answers. Pearson {_said(combined['pearson'])}, bias {_said(combined['bias'])}."


def _calibration(axes: Axes, cases: Sequence[Case], figures: Mapping[str, Any]) -> str:
    human, machine = _grades(cases)
    bins = agreement.calibration_bins(machine, human)
    _unit_square(axes, x="mean machine score", y="mean human grade")
    axes.plot(
        [one.said for one in bins], [one.came for one in bins], color=_MARK, marker="o", markersize=5, linewidth=1
    )
    counts = " to ".join(map(str, sorted({one.count for one in bins})))
    in_a_bin = f"{counts} answer{'' if counts == '1' else 's'} in a bin"
    axes.text(0.98, 0.03, in_a_bin, transform=axes.transAxes, horizontalalignment="right")
    points = ", ".join(f"{one.said:.2f} and {one.came:.2f}" for one in bins)
    return f"Mean machine score and mean human grade by bin: {points}; {in_a_bin}."


def _risk(axes: Axes, cases: Sequence[Case], figures: Mapping[str, Any]) -> str:
    human, machine = _grades(cases)
    confidence = np.array([case.confidence for case in cases])
    curve = agreement.risk_coverage(human, machine, confidence)
    shares = np.arange(1, len(curve) + 1) / len(curve)
    shown = shares >= _LEAST_SHARE
    axes.axhline(figures["review"]["rmse_all"], color=_SOFT, linestyle="--", linewidth=1)
    axes.plot(shares[shown] * 100, curve[shown], color=_MARK, marker="o" if len(curve) <= _FEW else "", markersize=4)
    axes.set(xlabel="% of answers, the most confident", ylabel="RMSE", xlim=(8, 102), xticks=range(10, 101, 15))
    axes.locator_params(axis="y", nbins=6)
    axes.set_ylim(0, max(1.15 * curve[shown].max(), 0.05))
    errors = (
        (share, agreement.rmse_of_most_confident(human, machine, confidence, share=share)) for share in _SHARES_TOLD
    )
    told = ", ".join(f"{_said(error)} among {share:.0%}" for share, error in errors)
    return f"RMSE among the most confident answers: {told}."


_PLOTS: tuple[tuple[str, str, Draw], ...] = (
    (
        "Grade against score",
        "A dot is an answer, moved a little up or down so that equal grades do not hide one another. On the dashed "
        "line both agree; below it the machine is the milder.",
        _scatter,
    ),
    (
        "Calibration",
        "Answers in up to ten bins of equally many, by score. On the dashed line a score is the mean grade that such "
        "answers get.",
        _calibration,
    ),
    (
        "Risk against coverage",
        "Error among the answers that vivavoce is surest of; dashed: of all answers. The curve rises to the right when "
        "confidence is worth something.",
        _risk,
    ),
)


def _grades(cases: Sequence[Case]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.array([case.human for case in cases]), np.array([case.scores["combined"] for case in cases])


def _unit_square(axes: Axes, *, x: str, y: str) -> None:
    axes.plot([0, 1], [0, 1], color=_SOFT, linestyle="--", linewidth=1)
    axes.set(xlabel=x, ylabel=y, xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")


def _said(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _draw(draw: Draw, cases: Sequence[Case], figures: Mapping[str, Any], *, key: str, title: str) -> Markup:
    """The plot as an SVG element, with `title` and what `draw` says of it for those who do not see it."""
    written = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        description = draw(figure.subplots(), cases, figures)
        figure.savefig(written, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(written.getvalue(), key=key, title=title, description=description)


def _inline(document: str, *, key: str, title: str, description: str) -> Markup:
    """An SVG document as an element of a page: in its colours, as wide as its place, with ids that begin with `key`."""
    for colour, name in _NAMED_COLOURS.items():
        document = document.replace(colour, name)
    root = ElementTree.fromstring(re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", document))
    del root.attrib["width"], root.attrib["height"]
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    for place, (tag, text) in enumerate({"title": title, "desc": description}.items()):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{key}-{tag}"})
        element.text = text
        root.insert(place, element)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return Markup(ElementTree.tostring(root, encoding="unicode"))
