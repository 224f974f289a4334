"""Of which kind is a reason? One kind is marked, for it says that there is no use in going on."""


class SettingsReason(str):
    """A reason that lies in a setting or the deployment: whatever is asked ends alike.

    A string like any other to those who read outcomes; jobs and consumers look at its type, and
    stop, where they would else blame every customer of a list.
    """

    __slots__ = ()
