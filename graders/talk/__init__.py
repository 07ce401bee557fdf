"""Talk around an answer: telling the sentences that say nothing from those that say something."""

from .detector import says_nothing, talk_terms

__all__ = ["says_nothing", "talk_terms"]
