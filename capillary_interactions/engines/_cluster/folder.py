"""The folder of a cluster's run: the parts of its list, what has ended, results and settings."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from attrs import frozen

from capillary_interactions.engines._done_store import folder_errors
from capillary_interactions.jobs._errors import ExportError

# Tables of a folder are read without files that begin so.
_OWN: Final = "_run"
_COMPLETE: Final = "_SUCCESS"
_PRIVATE: Final = 0o700


@frozen
class PartState:
    """A part whose result is written.

    Attributes:
        endings: Its rows by how they ended.
    """

    endings: Mapping[str, int]


@frozen
class ClusterFolder:
    """Where everything is; the same path for all workers."""

    path: Path

    @property
    def own(self) -> Path:
        """What is no result."""
        return self.path / _OWN

    @property
    def done(self) -> Path:
        """Outcomes as they end."""
        return self.own / "done"

    @property
    def _settings(self) -> Path:
        return self.own / "run.json"

    @property
    def _stop(self) -> Path:
        return self.own / "stop"

    @property
    def _new_parts(self) -> Path:
        return self.own / "parts-new"

    def new_part(self, number: int) -> Path:
        """The rows of a part while the list is being read."""
        return self._new_parts / self.part(number).name

    def part(self, number: int) -> Path:
        """The rows of a part."""
        return self.own / "parts" / f"{number:05}.arrow"

    def result(self, number: int) -> Path:
        """The result of a part."""
        return self.path / f"part-{number:05}.parquet"

    def check(self) -> None:
        """Make the folder, or take one that a run has made or that holds nothing.

        Raises:
            ExportError: It holds something else.
            JobStoreError: It cannot be made.
        """
        with folder_errors(self.path):
            if self.path.exists() and not self.own.is_dir() and any(self.path.iterdir()):
                raise ExportError(f"{self.path} holds something else: give a new folder")
            self.own.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove what an earlier run has left behind of its own end."""
        with folder_errors(self.path):
            self._remove(self.path.glob(".part-*.parquet"))
            self._remove([self._stop, self.path / _COMPLETE])

    def begin_parts(self) -> None:
        """Make room for the parts of a list that is being read."""
        with folder_errors(self.path):
            shutil.rmtree(self._new_parts, ignore_errors=True)
            self._new_parts.mkdir(mode=_PRIVATE)

    def replace_parts(self, *, outcomes: bool) -> None:
        """Take the new parts, and remove the old ones and their results.

        Args:
            outcomes: Whether what has ended is removed, too.
        """
        with folder_errors(self.path):
            self._remove([self._settings])
            self._remove(self.path.glob("part-*.parquet"))
            for name in ("parts", *(["done"] if outcomes else [])):
                shutil.rmtree(self.own / name, ignore_errors=True)
            self._new_parts.rename(self.own / "parts")

    def settings(self) -> dict[str, Any] | None:
        """What the parts were made with, or None if there are none, or not all of them."""
        with folder_errors(self.path):
            try:
                settings: dict[str, Any] = json.loads(self._settings.read_text("utf-8"))
            except FileNotFoundError:
                return None
            return settings

    def save_settings(self, settings: dict[str, Any]) -> None:
        """All parts are there."""
        with self.writing(self._settings) as file:
            file.write_text(json.dumps(settings), "utf-8")

    def state(self, number: int) -> PartState | None:
        """The state of a part, if its result is there."""
        with folder_errors(self.path):
            try:
                text = self._state(number).read_text("utf-8")
            except FileNotFoundError:
                return None
            return PartState(json.loads(text)) if self.result(number).exists() else None

    def save_state(self, number: int, endings: Mapping[str, int]) -> None:
        """The result of a part is there."""
        with self.writing(self._state(number)) as file:
            file.write_text(json.dumps(endings), "utf-8")

    def reopen(self, number: int) -> None:
        """Let a part be done again; its result is there until then."""
        with folder_errors(self.path):
            self._state(number).unlink(missing_ok=True)

    def complete(self) -> None:
        """Say to who reads the results that they are all there, as Hadoop does."""
        with folder_errors(self.path):
            (self.path / _COMPLETE).touch()

    def stop(self) -> None:
        """Ask all workers to begin nothing more."""
        with suppress(OSError):
            self._stop.touch()

    def is_stopped(self) -> bool:
        """Whether they are asked to."""
        return self._stop.exists()

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """A file beside `path`, which replaces it when the block ends without an error."""
        # Two workers may write the same part, if the engine has taken one of them for lost.
        part = path.with_name(f".{path.stem}.{uuid4().hex}{path.suffix}")
        with folder_errors(path):
            try:
                yield part
                with part.open("rb+") as file:
                    os.fsync(file.fileno())
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _state(self, number: int) -> Path:
        return self.own / "parts" / f"{number:05}.json"

    @staticmethod
    def _remove(paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
