"""The page of `viva bench accuracy --html`: its figures as tables and plots, without scripts or external files."""

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
        "Pearson after each question's mean is subtracted: how well good answers are told from poor ones",
    ),
    "rmse": ("RMSE", "typical distance to people's grades, 0 to 1: the root of the mean squared difference"),
    "wrmse": ("Weighted RMSE", "the same with every tenth of people's scale weighing the same"),
    "qwk": ("Kappa", "quadratic weighted kappa: agreement beyond chance, -1 to 1"),
    "bias": ("Bias", "mean of machine minus people, -1 to 1: above 0 the machine is more lenient"),
    "ece": ("Calibration error", "mean distance of scores from the mean grade of answers with similar scores, 0 to 1"),
}
ROWS = {
    "rouge": "the score from word overlap with the reference alone",
    "embedding": "the score from similarity of meaning to the reference alone",
    "judge": "the score from the language model alone",
    "combined": "the score that vivavoce gives, from all signals; the plots show it",
    "mean": "the mean of people's grades for every answer: the baseline to beat",
    "human": "one person's grade against another's for the same answer, where several people graded",
}

_INK, _SOFT, _LINE, _MARK = "#1d2733", "#5b6876", "#dde3ea", "#4a7be6"
# The page's style sheet defines these for light and dark mode.
_COLOUR_NAMES = {_INK: "var(--ink)", _SOFT: "var(--soft)", _LINE: "var(--line)", _MARK: "var(--mark)"}
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
# Equal grades would hide one another.
_JITTER = 0.015
# More dots become one picture: shapes slow the page down.
_MAX_SHAPES = 3000
# Curves of fewer answers show each one.
_MAX_MARKERS = 20
# Among fewer answers the error is mostly noise.
_MIN_SHARE = 0.1
_SHARES_DESCRIBED = (0.1, 0.25, 0.5, CONFIDENT_SHARE, 1.0)

Draw = Callable[[Axes, Sequence[Case], Mapping[str, Any]], str]
"""Draws cases and their figures; returns a description in words."""


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


def write_page(path: Path, figures: Mapping[str, Any], cases: Sequence[Case]) -> None:
    """Write the page of the figures that `--json` writes, and of the cases behind them.

    The same figures and cases give the same bytes.
    """
    sections = [
        _build_section(f"set{number}", name, of_set, [case for case in cases if case.dataset == name])
        for number, (name, of_set) in enumerate(figures["sets"].items(), start=1)
    ]
    if "pooled" in figures:
        sections.insert(0, _build_section("all", "All answers together", figures["pooled"], cases))
    environment = Environment(
        loader=PackageLoader("vivavoce.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("accuracy.html").render(
        found=figures,
        answers=len(cases),
        sections=sections,
        columns=COLUMNS,
        rows=ROWS,
        confident_share=CONFIDENT_SHARE,
        version=__version__,
    )
    path.write_text(page, encoding="utf-8")


def _build_section(key: str, title: str, figures: Mapping[str, Any], cases: Sequence[Case]) -> _Section:
    plots = [
        _Plot(plot, caption, _draw_plot(draw, cases, figures, key=f"{key}-{name}", title=f"{plot}: {title}"))
        for name, plot, caption, draw in _PLOTS
    ]
    return _Section(key, title, figures, plots)


def _draw_scatter(axes: Axes, cases: Sequence[Case], figures: Mapping[str, Any]) -> str:
    human, machine = _grades_and_scores(cases)
    shift = np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(cases))
    _draw_diagonal(axes, x="machine score", y="human grade")
    is_picture = len(cases) > _MAX_SHAPES
    alpha = 0.2 if is_picture else 0.5
    axes.scatter(machine, human + shift, s=16, color=_MARK, alpha=alpha, linewidths=0, rasterized=is_picture)
    combined = figures["rows"]["combined"]
    return (
        f"{len(cases)} answers. Pearson {_format_figure(combined['pearson'])}, bias {_format_figure(combined['bias'])}."
    )


def _draw_calibration(axes: Axes, cases: Sequence[Case], figures: Mapping[str, Any]) -> str:
    human, machine = _grades_and_scores(cases)
    bins = agreement.calibration_bins(machine, human)
    _draw_diagonal(axes, x="mean machine score", y="mean human grade")
    axes.plot(
        [part.said for part in bins], [part.came for part in bins], color=_MARK, marker="o", markersize=5, linewidth=1
    )
    counts = " to ".join(map(str, sorted({part.count for part in bins})))
    in_a_bin = f"{counts} answer{'' if counts == '1' else 's'} in a bin"
    axes.text(0.98, 0.03, in_a_bin, transform=axes.transAxes, horizontalalignment="right")
    points = ", ".join(f"{part.said:.2f} and {part.came:.2f}" for part in bins)
    return f"Mean machine score and mean human grade by bin: {points}; {in_a_bin}."


def _draw_risk_curve(axes: Axes, cases: Sequence[Case], figures: Mapping[str, Any]) -> str:
    human, machine = _grades_and_scores(cases)
    confidence = np.array([case.confidence for case in cases])
    curve = agreement.risk_coverage(human, machine, confidence)
    shares = np.arange(1, len(curve) + 1) / len(curve)
    shown = shares >= _MIN_SHARE
    marker = "o" if len(curve) <= _MAX_MARKERS else ""
    axes.axhline(figures["review"]["rmse_all"], color=_SOFT, linestyle="--", linewidth=1)
    axes.plot(shares[shown] * 100, curve[shown], color=_MARK, marker=marker, markersize=4)
    axes.set(xlabel="% of answers, the most confident", ylabel="RMSE", xlim=(8, 102), xticks=range(10, 101, 15))
    axes.locator_params(axis="y", nbins=6)
    # An axis needs a height even when every error is 0.
    axes.set_ylim(0, max(1.15 * curve[shown].max(), 0.05))
    errors = (
        (share, agreement.rmse_of_most_confident(human, machine, confidence, share=share))
        for share in _SHARES_DESCRIBED
    )
    described = ", ".join(f"{_format_figure(error)} among {share:.0%}" for share, error in errors)
    return f"RMSE among the most confident answers: {described}."


# Name for identifiers on the page, title, caption, and what draws it.
_PLOTS: tuple[tuple[str, str, str, Draw], ...] = (
    (
        "scatter",
        "Grade against score",
        "Each dot is an answer, shifted a little up or down so that equal grades stay visible. On the dashed line both "
        "agree; below it the machine is more lenient.",
        _draw_scatter,
    ),
    (
        "calibration",
        "Calibration",
        "Answers in up to ten bins of equal size, by score. On the dashed line a score equals the mean grade of such "
        "answers.",
        _draw_calibration,
    ),
    (
        "risk",
        "Risk against coverage",
        "Error among the most confident answers; dashed: among all answers. A curve that rises to the right shows that "
        "the confidence is informative.",
        _draw_risk_curve,
    ),
)


def _grades_and_scores(cases: Sequence[Case]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.array([case.human for case in cases]), np.array([case.scores["combined"] for case in cases])


def _draw_diagonal(axes: Axes, *, x: str, y: str) -> None:
    axes.plot([0, 1], [0, 1], color=_SOFT, linestyle="--", linewidth=1)
    axes.set(xlabel=x, ylabel=y, xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")


def _format_figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _draw_plot(draw: Draw, cases: Sequence[Case], figures: Mapping[str, Any], *, key: str, title: str) -> Markup:
    """The plot as an SVG element; `title` and the description that `draw` returns serve screen readers."""
    written = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        description = draw(figure.subplots(), cases, figures)
        figure.savefig(written, format="svg", transparent=True, metadata=_NO_METADATA)
    return _embed_svg(written.getvalue(), key=key, title=title, description=description)


def _embed_svg(document: str, *, key: str, title: str, description: str) -> Markup:
    """An SVG document as an element of a page, in the page's colours and width; identifiers begin with `key`."""
    for colour, name in _COLOUR_NAMES.items():
        document = document.replace(colour, name)
    # Identifiers must be unique on the page, which has many plots.
    root = ElementTree.fromstring(re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", document))
    # Without a size of its own it fills its container.
    del root.attrib["width"], root.attrib["height"]
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    for index, (tag, text) in enumerate({"title": title, "desc": description}.items()):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{key}-{tag}"})
        element.text = text
        root.insert(index, element)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return Markup(ElementTree.tostring(root, encoding="unicode"))
