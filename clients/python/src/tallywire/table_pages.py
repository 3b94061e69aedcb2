"""The pages of a table put together, all of one revision. It does no I/O."""

from typing import Final

from tallywire import errors
from tallywire.v1 import metrics_service_pb2

PAGE_SIZE: Final = 1_000  # the largest that the server gives
ATTEMPTS: Final = 5
_EXPIRED: Final = "PAGE_TOKEN_EXPIRED"


class WholeTable:
    """Asks for page after page, and begins anew where figures have changed in between: `attempts` times in all."""

    def __init__(self, first: metrics_service_pb2.QueryMetricsRequest, attempts: int) -> None:
        """Raises ValueError for less than one attempt."""
        if attempts < 1:
            raise ValueError(f"attempts is at least 1, not {attempts}")
        self._first = first
        self._left = attempts
        self._answer: metrics_service_pb2.QueryMetricsResponse | None = None

    @property
    def answer(self) -> metrics_service_pb2.QueryMetricsResponse:
        """Returns the pages that were taken as one answer: the whole table once there is no more."""
        return self._answer or metrics_service_pb2.QueryMetricsResponse()

    @property
    def has_more(self) -> bool:
        """Returns whether there is a page to ask for."""
        return self._answer is None or bool(self._answer.next_page_token)

    def request(self) -> metrics_service_pb2.QueryMetricsRequest:
        """Returns the request for the next page."""
        request = metrics_service_pb2.QueryMetricsRequest()
        request.CopyFrom(self._first)
        request.page_token = self.answer.next_page_token
        return request

    def take(self, page: metrics_service_pb2.QueryMetricsResponse) -> None:
        """Takes the answer to the last request."""
        if self._answer is None:
            self._answer = page
            return
        self._answer.rows.extend(page.rows)
        self._answer.rest.CopyFrom(page.rest)
        self._answer.next_page_token = page.next_page_token

    def begin_anew(self, error: errors.FailedPrecondition) -> None:
        """Forgets the pages where figures have changed. Raises any other error, and this one after the last attempt."""
        if error.reason != _EXPIRED or self._left <= 1:
            raise error
        self._left -= 1
        self._answer = None
