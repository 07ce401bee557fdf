"""Repositories: the queries on each table, named for what they return."""

from .access import ApiKeyRepository, OrganisationRepository
from .audit import AuditRepository, AuditSearch
from .cohort_files import CohortFileRepository, ColumnMappingRepository
from .cohorts import CohortItemRepository, CohortRepository
from .erasure import ErasureRepository
from .events import EventRepository
from .grading_lists import GradingFilter, GradingListRepository, ReportFacts
from .gradings import GradingRepository, OpenGrading, OutboxRepository, ReportRepository, RubricVersionRepository
from .idempotency import FILE_KEYS, IdempotencyRepository
from .jobs import JobRepository
from .judges import JudgeCallRepository, JudgeVersionRepository
from .results import CohortResultRepository
from .reviews import EarlierReportRepository, ReviewRepository
from .rubrics import RubricTestRepository, StoredRubricRepository
from .webhooks import DeliveryRepository, EndpointRepository

__all__ = [
    "FILE_KEYS",
    "ApiKeyRepository",
    "AuditRepository",
    "AuditSearch",
    "CohortFileRepository",
    "CohortItemRepository",
    "CohortRepository",
    "CohortResultRepository",
    "ColumnMappingRepository",
    "DeliveryRepository",
    "EarlierReportRepository",
    "EndpointRepository",
    "ErasureRepository",
    "EventRepository",
    "GradingFilter",
    "GradingListRepository",
    "GradingRepository",
    "IdempotencyRepository",
    "JobRepository",
    "JudgeCallRepository",
    "JudgeVersionRepository",
    "OpenGrading",
    "OrganisationRepository",
    "OutboxRepository",
    "ReportFacts",
    "ReportRepository",
    "ReviewRepository",
    "RubricTestRepository",
    "RubricVersionRepository",
    "StoredRubricRepository",
]
