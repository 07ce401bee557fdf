"""Repositories: the queries on each table, named for what they return."""

from .access import ApiKeyRepository
from .audit import AuditRepository
from .cohort_files import CohortFileRepository, ColumnMappingRepository
from .events import EventRepository
from .gradings import GradingRepository, OpenGrading, OutboxRepository, ReportRepository, RubricVersionRepository
from .idempotency import FILE_KEYS, IdempotencyRepository
from .jobs import JobRepository
from .judges import JudgeCallRepository, JudgeVersionRepository

__all__ = [
    "FILE_KEYS",
    "ApiKeyRepository",
    "AuditRepository",
    "CohortFileRepository",
    "ColumnMappingRepository",
    "EventRepository",
    "GradingRepository",
    "IdempotencyRepository",
    "JobRepository",
    "JudgeCallRepository",
    "JudgeVersionRepository",
    "OpenGrading",
    "OutboxRepository",
    "ReportRepository",
    "RubricVersionRepository",
]
