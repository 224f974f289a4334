"""Refuses files that are no list (workbooks, archives, pages), with what to do about them.

By their first bytes and their first line, before a request is sent for any of their customers.
"""

import re
from typing import Final

from capillary_interactions.jobs._errors import ListError

_AS_CSV: Final = "open it in a spreadsheet and save it as CSV (UTF-8)"
# The longer ones first where one is a prefix of another.
_MAGIC: Final = (
    (b"PK\x03\x04", f"an Excel workbook or another zip archive; {_AS_CSV}, or unpack it"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Excel workbook of the old kind (.xls); {_AS_CSV}"),
    (b"\x09\x08\x10\x00\x00\x06", f"an Excel workbook of the old kind (.xls); {_AS_CSV}"),
    (b"%PDF-", "a PDF document; ask for the list as CSV"),
    (b"{\\rtf", "an RTF document; save it as plain text"),
    (b"SQLite format 3\0", "a SQLite database; write the table with sqlite3 -header -csv"),
    (b"BZh", "packed by bzip2; unpack it first: bzip2 -dc LIST | ... -"),
    (b"\xfd7zXZ\0", "packed by xz; unpack it first: xz -dc LIST | ... -"),
    (b"\x04\x22\x4d\x18", "packed by lz4; unpack it first: lz4 -dc LIST | ... -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (b"ORC", "an ORC file; write it as Parquet or CSV"),
    (b"Obj\x01", "an Avro file; write it as Parquet or CSV"),
    (b"FEA1", "a Feather file of version 1; write it in version 2 (Arrow), Parquet or CSV"),
)
_WORKBOOKS: Final = (
    (b"xl/", f"an Excel workbook (.xlsx); {_AS_CSV}"),
    (b"[Content_Types].xml", f"an Excel workbook (.xlsx) or another document; {_AS_CSV}"),
    (b"opendocument.spreadsheet", f"an OpenDocument spreadsheet (.ods); {_AS_CSV}"),
    (b"Index/", f"a Numbers spreadsheet; {_AS_CSV}"),
)
# Followed by binary data; a CSV's first column may have such a name.
_ALSO_TEXT: Final = {b"ORC", b"BZh"}
_TAR: Final = 257, b"ustar"
_MARKUP: Final = re.compile(
    r"<\s*(?:!doctype|html|head|body|table|tbody|thead|tr|td|meta|style|div|span|!--|\?xml|\?mso|"
    r"worksheet|workbook)\b|<!--|MIME-Version:",
    re.IGNORECASE,
)
_ARRAY: Final = re.compile(r"\[\s*(?:\{|$)")
_LINE_BY_LINE: Final = "write one object a line: jq -c '.[]' LIST"


def refuse_foreign_bytes(opening: bytes) -> None:
    for magic, description in _MAGIC:
        if opening.startswith(magic) and not (magic in _ALSO_TEXT and _is_text(opening)):
            part_of_zip = magic.startswith(b"PK\x03")
            workbooks = (text for part, text in _WORKBOOKS if part_of_zip and part in opening)
            raise ListError(f"it is {next(workbooks, description)}")
    offset, magic = _TAR
    if opening.startswith(magic, offset):
        raise ListError("it is a tar archive; unpack it first")


def _is_text(opening: bytes) -> bool:
    return opening[:64].isascii() and opening[:64].decode().replace("\n", "").isprintable()


def refuse_foreign_line(line: str, format_: str | None, *, chosen: bool) -> None:
    """Raise if the first line with anything in it is that of a file of another type."""
    line = line.strip()
    if _MARKUP.match(line):
        raise ListError(f"it is a page of HTML or XML; {_AS_CSV}")
    if format_ in {"csv", "lines"} and chosen:
        return
    if line.upper() == "BEGIN:VCARD":
        raise ListError("it is a vCard file of contacts; export them as CSV")
    if _ARRAY.match(line) or (line.startswith("[") and format_ == "jsonl"):
        raise ListError(f"it is a JSON array; {_LINE_BY_LINE}")
    if format_ == "jsonl" and (line == "{" or (line[:1] == "{" and line[-1] in "{[,")):
        raise ListError(
            "its JSON is spread over several lines; write one object a line: jq -c . LIST"
        )
