"""The report on an answer: its parts, its words, and what an edit of the rubric makes of it."""
