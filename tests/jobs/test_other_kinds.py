"""Files of another type than a list are named, with what to do, before a request is sent."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from capillary_interactions.jobs import ListError
from tests.tables import table

from .jobs_under_test import read

_ROW = '{"mobile": "919000000001"}'


def _zip(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 50)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("list.csv")
        info.size = 13
        archive.addfile(info, io.BytesIO(b"mobile\n919000"))
    return file.getvalue()


@table(
    ("content", "message"),
    [
        (f"[\n  {_ROW},\n  {_ROW}\n]\n".encode(), "JSON array; .* jq"),
        (f"[{_ROW},{_ROW}]".encode(), "JSON array"),
        (f"\ufeff\n [ {_ROW}]".encode(), "JSON array"),
        (_zip("[Content_Types].xml", "xl/workbook.xml"), "Excel workbook .* CSV"),
        (_zip("mimetypeapplication/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"),
        (_zip("list.csv"), "zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old kind"),
        (b"<html><table><tr><td>mobile</td></tr></table></html>", "HTML or XML"),
        (b"\n<!DOCTYPE html>\n<html>", "HTML or XML"),
        (b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>', "HTML or XML"),
        (b"<table border=1>\n<tr>", "HTML or XML"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
        (b"{\\rtf1\\ansi mobile}", "RTF"),
        (b"SQLite format 3\0" + bytes(100), "SQLite"),
        (b"BZh91AY&SY\xb5\xa6", "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (_tar(), "tar archive"),
        (b"Obj\x01\x04\x16avro", "Avro"),
    ],
)
@table("name", ["l.csv", "l.json", "l.xls", "l.csv.gz"])
def test_names_another_kind_of_file(
    tmp_path: Path, content: bytes, message: str, name: str
) -> None:
    """Whatever its name is, and compressed: what it is, and how to make a list of it."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    with pytest.raises(ListError, match=message):
        read(path)


@table("opening", ["{\n", '{"customers": [\n'])
def test_names_json_over_several_lines(tmp_path: Path, opening: str) -> None:
    """Not row by row, each of them rejected."""
    (tmp_path / "l.json").write_text(f'{opening}"mobile": "1"\n}}\n')
    with pytest.raises(ListError, match=r"several lines; .*jq -c \. LIST"):
        read(tmp_path / "l.json")


@table(
    "text",
    [
        "PAR1,mobile\nx,1\n",
        "ORC,mobile\nx,1\n",
        "BZh,mobile\nx,1\n",
        "[id],mobile\nx,1\n",
        "<id>,mobile\nx,1\n",
    ],
)
def test_takes_a_header_for_nothing_else(tmp_path: Path, text: str) -> None:
    """Columns may have such names."""
    (tmp_path / "l.csv").write_text(text)
    assert [row.value for row in read(tmp_path / "l.csv")[0]] == ["1"]
