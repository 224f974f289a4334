"""What is one request sent with? Its headers, in date until it goes on the wire."""

import asyncio
from collections.abc import Mapping

from attrs import define, field

from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._protocol.messages import Request
from capillary_interactions._text.masking import repr_keys


@define(eq=False)
class Sending:
    """One request that has its turn.

    Attributes:
        lane: The state of the credential that sends it.
        number: Which request of its lookup it is, counted from 1.
        deadline: That of its lookup.
        headers: Those that it is sent with, or was.
    """

    lane: CredentialState
    number: int
    deadline: Deadline
    headers: Mapping[str, str] = field(repr=repr_keys)

    async def before_send(self) -> Mapping[str, str]:
        """Wait until it may go on the wire, with a token that is valid then.

        Raises:
            NoHeadersError: There is no token.
            ElsewhereError: A pause has begun.
        """
        left = self.deadline.remaining(asyncio.get_running_loop().time())
        self.headers = await self.lane.leave_in_date(left)
        return self.headers

    async def request(self, url: str, *, calls_before_send: bool) -> Request:
        """The request; where the transport does not await `before_send`, after awaiting it.

        Headers that are always in date leave without it there.
        """
        lane = self.lane
        if not lane.auth.renewable:
            before_send = lane.pace.before_send if calls_before_send else None
            return Request(
                url=url, headers=self.headers, credential=lane.place, before_send=before_send
            )
        if not calls_before_send:
            await self.before_send()
        return Request(
            url=url,
            headers=self.headers,
            credential=lane.place,
            before_send=self.before_send if calls_before_send else None,
        )
