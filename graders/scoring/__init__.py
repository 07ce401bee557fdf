"""From signals to probabilities, points, a score and its confidence: arithmetic, and no model."""
