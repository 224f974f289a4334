"""Of which kind is a reason? Two are marked: those that may be about every customer alike."""

from typing import Final

NOT_THE_API: Final = " by a proxy or firewall, not by the API"


class SettingsReason(str):
    """A reason that lies in a setting or the deployment: whatever is asked ends alike.

    A string like any other to those who read outcomes; jobs and consumers look at its type, and
    stop, where they would else blame every customer of a list.
    """

    __slots__ = ()


class PageReason(str):
    """The reason of a refusal (401 or 403) by a proxy or firewall in front of the API.

    It may be about one customer, whose identifier a rule of the firewall dislikes, or about this
    machine: streams, jobs and consumers look at what different customers meet.
    """

    __slots__ = ()
