"""Errors of the service. Each class has its HTTP status and a fixed code; its docstring is the title in problem JSON.

ServiceError
├── InvalidKey             401   the request has no key, or none that is valid
├── MissingScope           403   the key may not do this
├── TooManyRequests        429   the key, its organisation or the address asks too much
├── UnusableKey            422   a key like this cannot be made
├── InvalidCursor          400   the cursor of a list is not one that the list gave
├── PreconditionFailed     412   the resource has changed since it was read
├── PreconditionMissing    428   an edit needs If-Match
├── RefusedItems           422   items of a request cannot be used; `errors` says which
├── NotFound               404   the organisation has no such resource
├── WrongState             409   the state of the resource forbids it
├── EventsGone             410   the events are no longer kept
├── InvalidWebhook         422   the webhook's address cannot be used
├── TooManyStreams         429   the key has too many streams open
├── InvalidRows            422   rows of a file have errors, so that none of it is used
├── UnreadableFile         422   the file is no table, so that it has no rows
├── NameTaken              409   the name is in use
├── KeyTextShown           409   the request made a key before, whose text was shown then
├── ServiceBusy            503   as many files as possible are being read
├── StaleRegrade           409   what a regrade was computed from has changed
├── UnusableAnswer         422   the answer cannot be stored or judged
├── UnusableRequest        422   the request names no question, or two
├── UnusableReview         422   the review says nothing, or names what the rubric does not have
├── DraftRubric            409   the rubric is a draft, which grades no answers
├── UnusableRubric         422   the body is no rubric, or one that cannot be graded by
├── UnfinishedRubric       409   the draft has errors, so that it cannot be frozen or tried
├── UnusableExport         422   the export that is asked for cannot be made
├── UnusableEdits          422   the file of edited grades cannot be read
├── RangeNotSatisfiable    416   the file ends before the range that is asked for
├── UnknownQuestionError   404   the question does not exist
├── GradingNotFound        404   the grading does not exist
├── GradingFinished        409   the grading is finished, so that it cannot be cancelled
├── IdempotencyMismatch    422   the key was used with another body
├── IdempotencyInProgress  409   a request with the key is still running
├── UnreadableBody         400   the body is no JSON that can be read
├── UnsupportedBody        415   the body is of another type, encoding or compression
├── BodyTooLarge           413   the body exceeds the limit
├── UnreadableHead         422   the text is not the head of an audit trail
├── JudgeNotPromoted       409   the judge version cannot become active
├── BackupError            —     a backup cannot be taken, read or restored; command line only
└── LostLease              —     a worker lost its lease before it wrote; workers only
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar


class ServiceError(Exception):
    """The request cannot be processed.

    `pointer` is the JSON pointer of the field of the body that is wrong, if it is one.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, *, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer


class InvalidKey(ServiceError):
    """The request has no valid key."""

    status = 401
    code = "invalid_key"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class MissingScope(ServiceError):
    """The key may not do this."""

    status = 403
    code = "missing_scope"


class TooManyRequests(ServiceError):
    """Too many requests."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, retry_seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_seconds)}


class UnusableKey(ServiceError):
    """The key cannot be made."""

    status = 422
    code = "unusable_key"


class InvalidCursor(ServiceError):
    """The cursor cannot be used."""

    code = "invalid_cursor"


class PreconditionFailed(ServiceError):
    """The resource has changed."""

    status = 412
    code = "precondition_failed"


class PreconditionMissing(ServiceError):
    """The edit does not say what it edits."""

    status = 428
    code = "precondition_missing"


class NotFound(ServiceError):
    """The resource does not exist."""

    status = 404
    code = "not_found"


class RefusedItems(ServiceError):
    """Some items cannot be used."""

    status = 422
    code = "refused_items"

    def __init__(self, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.errors = errors


class WrongState(ServiceError):
    """The state of the resource forbids it."""

    status = 409
    code = "wrong_state"


class EventsGone(ServiceError):
    """The events are no longer kept."""

    status = 410
    code = "events_gone"


class InvalidWebhook(ServiceError):
    """The webhook cannot be used."""

    status = 422
    code = "invalid_webhook"


class TooManyStreams(ServiceError):
    """The key has too many streams open."""

    status = 429
    code = "too_many_streams"
    headers = MappingProxyType({"Retry-After": "5"})


class InvalidRows(ServiceError):
    """Rows of the file have errors."""

    status = 422
    code = "invalid_rows"


class UnreadableFile(ServiceError):
    """The file has no rows."""

    status = 422
    code = "unreadable_file"


class NameTaken(ServiceError):
    """The name is in use."""

    status = 409
    code = "name_taken"


class KeyTextShown(ServiceError):
    """The key was made before."""

    status = 409
    code = "key_text_shown"


class ServiceBusy(ServiceError):
    """The service is busy."""

    status = 503
    code = "busy"
    headers = MappingProxyType({"Retry-After": "5"})


class StaleRegrade(ServiceError):
    """The regrade is out of date."""

    status = 409
    code = "stale_regrade"


class UnusableAnswer(ServiceError):
    """The answer cannot be stored or judged."""

    status = 422
    code = "unusable_answer"


class UnusableRequest(ServiceError):
    """The request does not say what to grade by."""

    status = 422
    code = "unusable_request"


class UnusableReview(ServiceError):
    """The review cannot be stored."""

    status = 422
    code = "unusable_review"


class DraftRubric(ServiceError):
    """The rubric is a draft."""

    status = 409
    code = "draft_rubric"


class UnusableRubric(ServiceError):
    """The rubric cannot be used."""

    status = 422
    code = "invalid_rubric"


class UnfinishedRubric(ServiceError):
    """The draft is not ready."""

    status = 409
    code = "unfinished_rubric"


class UnusableExport(ServiceError):
    """The export cannot be made."""

    status = 422
    code = "unusable_export"


class UnusableEdits(ServiceError):
    """The file of edited grades cannot be read."""

    status = 422
    code = "unusable_edits"


class RangeNotSatisfiable(ServiceError):
    """The file has no such range."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, message: str, *, size: int) -> None:
        super().__init__(message)
        self.headers = MappingProxyType({"Content-Range": f"bytes */{size}"})


class UnknownQuestionError(ServiceError):
    """The question does not exist."""

    status = 404
    code = "unknown_question"


class GradingNotFound(ServiceError):
    """The grading does not exist."""

    status = 404
    code = "grading_not_found"


class IdempotencyMismatch(ServiceError):
    """The idempotency key was used with another body."""

    status = 422
    code = "idempotency_mismatch"


class IdempotencyInProgress(ServiceError):
    """A request with this idempotency key is still running."""

    status = 409
    code = "idempotency_in_progress"
    headers = MappingProxyType({"Retry-After": "1"})


class GradingFinished(ServiceError):
    """The grading is already finished."""

    status = 409
    code = "grading_finished"


class UnreadableBody(ServiceError):
    """The body cannot be read."""

    code = "unreadable_body"


class UnsupportedBody(ServiceError):
    """The type of the body is not supported."""

    status = 415
    code = "unsupported_media_type"


class BodyTooLarge(ServiceError):
    """The request is too large."""

    status = 413
    code = "body_too_large"


class UnreadableHead(ServiceError):
    """The text is not the head of an audit trail."""

    status = 422
    code = "unreadable_head"


class JudgeNotPromoted(ServiceError):
    """The judge version cannot become the active one."""

    status = 409
    code = "judge_not_promoted"


class BackupError(ServiceError):
    """A backup cannot be taken, read or restored."""

    code = "backup_error"


class LostLease(ServiceError):
    """The worker no longer holds the lease on the grading."""

    code = "lost_lease"
