"""What all models of replies have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

import pydantic


class Model(pydantic.BaseModel):
    """A reply. Fields that this version does not know are kept in `model_extra`; words of states and kinds are texts,
    so that new ones do not fail."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True, protected_namespaces=())
    _etag: str | None = pydantic.PrivateAttr(default=None)

    @property
    def etag(self) -> str | None:
        """The state of a resource that can be edited, to be given as `if_match`; None for others."""
        return self._etag


M = TypeVar("M", bound=Model)


class Page(Model, Generic[M]):
    """A page of a list; `next_cursor` is None on the last."""

    items: list[M]
    next_cursor: str | None = None


class Range(Model):
    """The 10 and 90 % percentiles of an estimate."""

    low: float
    high: float


class Text(Model):
    """A sentence in both languages."""

    zh: str
    en: str
