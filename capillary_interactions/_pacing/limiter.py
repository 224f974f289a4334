"""aiolimiter's bucket, asked last: the forecast lets a request through, this one counts it."""

from typing import Final

from aiolimiter import AsyncLimiter

from capillary_interactions._pacing.bucket import Bucket

# Two buckets reckon alike but for float dust; for that, nothing is to wait a second time.
_SLACK: Final = 1e-6


class Enforcer:
    """A limiter that follows a bucket's rate; it belongs to one event loop."""

    def __init__(self) -> None:
        self._limiter: AsyncLimiter | None = None

    def renew(self) -> None:
        """Follow the bucket anew: its rate or its level has changed, or the loop."""
        self._limiter = None

    async def acquire(self, bucket: Bucket, now: float, unsettled: int) -> None:
        """Count one request.

        Args:
            bucket: What let it through; a new limiter is filled as far as that is.
            now: The loop's time.
            unsettled: Requests that the bucket holds and that are not counted here yet.
        """
        limiter = self._limiter
        if limiter is None:
            room = bucket.capacity + _SLACK
            limiter = self._limiter = AsyncLimiter(room, room / bucket.rate)
            await limiter.acquire(min(bucket.capacity, max(0.0, bucket.level(now) - unsettled)))
        await limiter.acquire()
