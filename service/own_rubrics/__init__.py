"""An organisation's own rubrics: drafts, their lint, versions, and answers graded to try one out."""
