"""Which headers has one request beside those of its credential? A view's, and a hook's."""

from collections.abc import Callable, Mapping

from attrs import evolve, frozen

from capillary_interactions._config.validation import check_headers
from capillary_interactions._protocol.messages import Request, layer_headers, merge_headers

RequestHeaders = Callable[[Request], Mapping[str, str]]


@frozen(eq=False)
class OwnHeaders:
    """The headers that requests have of their own.

    Attributes:
        fixed: Those of a view.
        hook: The caller's function for those of one request, or None.
    """

    fixed: Mapping[str, str]
    hook: RequestHeaders | None = None

    def of(self, request: Request) -> Mapping[str, str]:
        """Those of one request, whose headers are the credential's.

        Raises:
            ConfigurationError: The hook has returned what cannot be sent.
        """
        if self.hook is None:
            return self.fixed
        if self.fixed:
            request = evolve(request, headers=layer_headers(request.headers, self.fixed))
        return merge_headers(self.fixed, check_headers("request_headers", self.hook(request)))


def own_headers(fixed: Mapping[str, str], hook: RequestHeaders | None) -> OwnHeaders | None:
    """None where requests have none of their own."""
    return OwnHeaders(fixed, hook) if fixed or hook is not None else None
