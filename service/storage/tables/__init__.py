"""The tables. Every row has its organisation, and times are in UTC."""

from .access import ApiKey, Organisation
from .audit import AuditEvent
from .base import DEFAULT_ORGANISATION, Base, OrganisationRow, UtcDateTime, new_id
from .cohorts import Cohort, CohortFile, CohortItem, CohortState, ColumnMapping
from .events import Event, WebhookDelivery, WebhookEndpoint
from .gradings import (
    EarlierReport,
    Grading,
    IdempotencyKey,
    OutboxMessage,
    Report,
    RubricVersion,
    State,
    Submission,
    build_earlier_report,
)
from .jobs import Analysis, Export, ExportChunk, Job, JobState
from .judges import JudgeCall, JudgeVersion
from .reviews import Review
from .rubrics import RubricStatus, StoredRubric

__all__ = [
    "DEFAULT_ORGANISATION",
    "Analysis",
    "ApiKey",
    "AuditEvent",
    "Base",
    "Cohort",
    "CohortFile",
    "CohortItem",
    "CohortState",
    "ColumnMapping",
    "EarlierReport",
    "Event",
    "Export",
    "ExportChunk",
    "Grading",
    "IdempotencyKey",
    "Job",
    "JobState",
    "JudgeCall",
    "JudgeVersion",
    "Organisation",
    "OrganisationRow",
    "OutboxMessage",
    "Report",
    "Review",
    "RubricStatus",
    "RubricVersion",
    "State",
    "StoredRubric",
    "Submission",
    "UtcDateTime",
    "WebhookDelivery",
    "WebhookEndpoint",
    "build_earlier_report",
    "new_id",
]
