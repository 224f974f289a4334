"""How much of an answer is read? As much as `ClientConfig.max_body` allows, decompressed."""

from typing import TYPE_CHECKING

from capillary_interactions._http.transport import ResponseTooLargeError

if TYPE_CHECKING:
    import aiohttp


async def read_body(content: "aiohttp.StreamReader", max_body: int) -> bytes:
    """The whole body of an answer.

    Raises:
        ResponseTooLargeError: It is longer than `max_body` bytes, and was not read to its end.
    """
    body = await content.readany()
    if content.at_eof() and len(body) <= max_body:
        return body
    parts, size = [body], len(body)
    while size <= max_body:
        part = await content.readany()
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    raise ResponseTooLargeError(f"the answer is larger than max_body ({max_body} bytes)")
