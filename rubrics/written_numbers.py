"""Reads numbers of points as people write them."""

from __future__ import annotations

import math
import re
import unicodedata


def read_number(text: str) -> float | None:
    """The number that a person meant by "7,5", "５" or "5 pts"; None if it is none, or not finite."""
    plain = unicodedata.normalize("NFKC", text).strip().lower().replace("\u2212", "-")
    for unit in ("points", "point", "pts.", "pts", "pt.", "pt", "分"):
        plain = plain.removesuffix(unit).strip()
    try:
        number = float(plain.replace(",", "."))
    except ValueError:
        return None
    # float() also reads 1_000, and 1,000 may be one or a thousand.
    is_sure = math.isfinite(number) and not re.search(r"_|^[-+]?[1-9]\d{0,2},\d{3}$", plain)
    return number if is_sure else None
