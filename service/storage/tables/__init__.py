"""The tables. Every row has its organisation, and times are in UTC."""

from .access import ApiKey, Organisation
from .audit import AuditEvent
from .base import DEFAULT_ORGANISATION, Base, OrganisationRow, UtcDateTime, new_id
from .cohorts import FIRST_REVISION, Cohort, CohortFile, CohortItem, CohortState, ColumnMapping
from .events import CohortResult, Event, WebhookDelivery, WebhookEndpoint
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
from .jobs import Analysis, Export, ExportChunk, GradeEdit, Job, JobState
from .judges import JudgeCall, JudgeVersion
from .reviews import Review
from .rubrics import RubricStatus, RubricTest, StoredRubric

__all__ = [
    "DEFAULT_ORGANISATION",
    "FIRST_REVISION",
    "Analysis",
    "ApiKey",
    "AuditEvent",
    "Base",
    "Cohort",
    "CohortFile",
    "CohortItem",
    "CohortResult",
    "CohortState",
    "ColumnMapping",
    "EarlierReport",
    "Event",
    "Export",
    "ExportChunk",
    "GradeEdit",
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
    "RubricTest",
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
