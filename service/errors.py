"""What can go wrong for a caller: each error knows its status and its sentence.

ServiceError
├── UnusableAnswer         422   the answer cannot be stored or judged as it is
├── UnusableRequest        422   the request does not say what to do
├── DraftRubric            409   the rubric is a draft that nobody has frozen
├── UnknownQuestionError   404   no such question
├── GradingNotFound        404   no such grading
├── GradingFinished        409   the grading is finished already
├── IdempotencyMismatch    422   the key was used with another body
├── IdempotencyInProgress  409   a request with the key is being carried out now
├── BodyTooLarge           413   the request is too large to read
├── UnreadableHead         —     what should be the head of an audit trail is none; for operators only
├── JudgeNotPromoted       —     a judge version may not become the active one; for operators only
├── BackupError            —     a backup cannot be taken, read or restored; for operators only
└── LostLease              —     a worker wrote after its lease went to another; never reaches a caller
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """The request cannot be carried out."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"


class UnusableAnswer(ServiceError):
    """The answer cannot be stored or judged as it is."""

    status = 422
    code = "unusable_answer"


class UnusableRequest(ServiceError):
    """The request does not say what to do."""

    status = 422
    code = "unusable_request"


class DraftRubric(ServiceError):
    """The rubric is a draft."""

    status = 409
    code = "draft_rubric"


class UnknownQuestionError(ServiceError):
    """There is no such question."""

    status = 404
    code = "unknown_question"


class GradingNotFound(ServiceError):
    """There is no such grading."""

    status = 404
    code = "grading_not_found"


class IdempotencyMismatch(ServiceError):
    """The idempotency key was used with another body."""

    status = 422
    code = "idempotency_mismatch"


class IdempotencyInProgress(ServiceError):
    """A request with this idempotency key is being carried out now."""

    status = 409
    code = "idempotency_in_progress"


class GradingFinished(ServiceError):
    """The grading is finished already."""

    status = 409
    code = "grading_finished"


class BodyTooLarge(ServiceError):
    """The request body is too large."""

    status = 413
    code = "body_too_large"


class UnreadableHead(ServiceError):
    """What should be the head of an audit trail is none."""

    code = "unreadable_head"


class JudgeNotPromoted(ServiceError):
    """A judge version may not become the active one."""

    code = "judge_not_promoted"


class BackupError(ServiceError):
    """A backup cannot be taken, read or restored."""

    code = "backup_error"


class LostLease(ServiceError):
    """The lease on a grading has gone to another worker."""

    code = "lost_lease"
