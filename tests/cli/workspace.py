"""A folder with a list, and the commands around its job."""

from collections.abc import Iterable
from pathlib import Path

from .program import Ran, invoke


class Workspace:
    """A folder with a list of ten customers, and the commands on it.

    Args:
        folder: Where; it is there.
        settings: The environment that names the server.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.list = folder / "list.csv"
        self.out = folder / "out.jsonl"
        self.job = folder / "out.jsonl.job"
        self.settings = settings
        self.write(range(1, 11))

    def text(self, numbers: Iterable[int]) -> str:
        """A list of customers."""
        return "mobile,name\n" + "".join(f"{919_000_000_000 + n},N {n}\n" for n in numbers)

    def write(self, numbers: Iterable[int]) -> None:
        """Write the list."""
        self.list.write_text(self.text(numbers))

    def bulk(self, *options: str, source: str | None = None, stdin: str = "", **env: str) -> Ran:
        """Run `bulk`, on the list if no other source is named."""
        command = ("bulk", source or str(self.list), "--identifier", "mobile", "--out")
        settings = {**self.settings, **env}
        return invoke(*command, str(self.out), *options, stdin=stdin, env=settings)

    def jobs(self, *arguments: str) -> Ran:
        """Run `jobs`."""
        return invoke("jobs", arguments[0], str(self.job), *arguments[1:])
