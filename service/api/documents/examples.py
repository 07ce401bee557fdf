"""Example requests of the API's documentation; a test sends them."""

from __future__ import annotations

from pydantic import JsonValue

_ANSWER = "Weights go from FP16 to INT8 or INT4, so the model is smaller and faster."
EXAMPLE_RUBRIC: dict[str, JsonValue] = {
    "question": {
        "id": "weights-in-int8",
        "text": "What does quantization do to a model?",
        "language": "en",
        "topic": "inference",
        "difficulty": "foundation",
        "minutes": 3,
    },
    "criteria": [
        {
            "id": "precision",
            "kind": "binary",
            "title": "Precision",
            "statement": "The answer says that weights are stored with fewer bits.",
            "points": 6,
        },
        {
            "id": "effect",
            "kind": "ordinal",
            "title": "Effect",
            "levels": [
                {"points": 0, "description": "Names no effect."},
                {"points": 2, "description": "Says that the model becomes smaller, or faster."},
                {
                    "points": 4,
                    "description": "Says that it becomes smaller and faster, at some loss of quality.",
                },
            ],
        },
    ],
    "expected_points": [
        {"id": "fewer-bits", "text": "Weights are stored with fewer bits.", "criterion": "precision"},
        {"id": "smaller", "text": "The model needs less memory.", "criterion": "effect"},
    ],
    "references": [
        {"length": "short", "text": "Weights are stored with fewer bits, so the model is smaller and faster."}
    ],
}
EXAMPLE_REQUESTS: list[JsonValue] = [
    {"question_id": "quantization", "answer": _ANSWER, "candidate": "c-17"},
    {"rubric": EXAMPLE_RUBRIC, "answer": _ANSWER},
]
EXAMPLE_COPY: dict[str, JsonValue] = {"from": {"question_id": "quantization", "language": "en"}}
EXAMPLE_CANVAS = (
    "Rubric Name,Criteria Name,Criteria Description,Criteria Enable Range,Rating Name,Rating Description,Rating Points,"
    "Rating Name,Rating Description,Rating Points\n"
    "Quantization,Fewer bits,,false,Full marks,Says that weights are stored with fewer bits.,4.0,No marks,,0.0\n"
)
