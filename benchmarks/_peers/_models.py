"""The answer as a user of pydantic would declare it.

Dates with the day first stay text: pydantic does not read them by itself, and a peer that leaves
them out has less to do.
"""

from datetime import datetime

from pydantic import BaseModel


class Message(BaseModel):
    """One message of a channel."""

    id: int
    receiver: str
    subject: str | None = None
    campaignId: int
    status: str
    sentDate: str
    deliveredTime: datetime | None = None
    userId: int


class Interaction(BaseModel):
    """One channel."""

    name: str
    count: int
    messageList: list[Message] = []


class Answer(BaseModel):
    """The whole answer."""

    name: str
    interaction: list[Interaction]
