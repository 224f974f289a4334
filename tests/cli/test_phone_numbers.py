"""Whom to ask for, on the command line: phone numbers as people write them, and other kinds."""

import sys
from pathlib import Path

import orjson
import pytest

from .program import invoke, json_lines

_DIGITS = "919738522695"


@pytest.mark.parametrize(
    ("arguments", "env", "query"),
    [
        (
            ("mobile", "097385 22695", "--phone-region", "IN"),
            {},
            {"identifierName": "mobile", "identifierValue": "097385 22695", "sentValue": _DIGITS},
        ),
        (
            ("mobile", "097385 22695"),
            {"CAPILLARY_PHONE_REGION": "in"},
            {"identifierName": "mobile", "identifierValue": "097385 22695", "sentValue": _DIGITS},
        ),
        (
            ("mobile", "+91 97385-22695"),
            {},
            {
                "identifierName": "mobile",
                "identifierValue": "+91 97385-22695",
                "sentValue": _DIGITS,
            },
        ),
        (("customer_id", "554"), {}, {"identifierName": "id", "identifierValue": "554"}),
        (
            ("--custom-identifier", "wechat", "o6_b"),
            {},
            {"identifierName": "wechat", "identifierValue": "o6_b"},
        ),
        (
            ("o6_b", "--custom-identifier", "wechat", "--api", "v2"),
            {},
            {"identifierName": "wechat", "identifierValue": "o6_b"},
        ),
        (
            ("--custom-identifier", "mobile", "+91 97385", "--phone-region", "IN"),
            {},
            {"identifierName": "mobile", "identifierValue": "+91 97385"},
        ),
    ],
)
def test_asks_for_a_customer(
    arguments: tuple[str, ...], env: dict[str, str], query: dict[str, str]
) -> None:
    """The given spelling stays in the output, and what was sent stands beside it."""
    ran = invoke("lookup", *arguments, "--sandbox", "--json", env=env)

    assert orjson.loads(ran.out)["query"] == query
    assert _DIGITS not in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lookup", "mobile", "97385x22695"), "must be digits with the country code"),
        (("lookup", "mobile", "\uff19738522695"), "phone_region="),
        (("lookup", "mobile", _DIGITS, "--phone-region", "XX"), "must be a region's two letters"),
        (("lookup", "--custom-identifier", "type", "1"), "that means another thing"),
        (("lookup", "--custom-identifier", "wechat"), "Missing argument 'NAME'"),
        (("lookup", "mobile", "1", "--custom-identifier", "wechat"), "give VALUE only"),
        (("lookup", "customer_id", "554", "--api", "v2"), "API v2 has no customer_id"),
        (("bulk", "x", "--out", "-"), "Missing option '--identifier'"),
        (
            ("bulk", "x", "--out", "-", "--identifier", "email", "--custom-identifier", "a"),
            "contradict each other",
        ),
        (
            ("bulk", "x", "--out", "-", "--custom-identifier", "limit"),
            "--custom-identifier: an identifier's name must not be 'limit'",
        ),
        (
            ("bulk", "x", "--out", "-", "--identifier", "mobile", "--phone-region", "India"),
            "must be a region's two letters",
        ),
    ],
)
def test_refuses_what_cannot_be_asked(arguments: tuple[str, ...], message: str) -> None:
    """One line, an exit code of 2, and no number."""
    ran = invoke(*arguments, "--sandbox")

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert "22695" not in ran.err


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named where the region is set, before anything is sent."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    ran = invoke("lookup", "mobile", _DIGITS, "--phone-region", "IN", "--sandbox")

    assert ran.code == 2
    assert "capillary_interactions[phone]" in ran.err


@pytest.mark.parametrize("out", ["-", "out.jsonl"])
def test_looks_a_dirty_list_up(tmp_path: Path, out: str) -> None:
    """A row for each row, with both spellings; what is no number is rejected."""
    path = tmp_path / "list.csv"
    path.write_text("mobile\n097385 22695\n0091-97385-22696\n97385\n9.19739E+11\n+65 9123 4567\n")
    target = out if out == "-" else str(tmp_path / out)
    ran = invoke(
        "bulk", str(path), "--identifier", "mobile", "--phone-region", "IN", "--out", target,
        "--sandbox", "--accept-rejected",
    )  # fmt: skip

    lines = json_lines(ran.out if out == "-" else (tmp_path / out).read_text())
    lines.sort(key=lambda line: int(line["row"]))
    assert ran.code == 1
    assert [line["query"].get("sentValue") for line in lines] == [
        _DIGITS,
        "919738522696",
        None,
        None,
        "6591234567",
    ]
    assert [line["outcome"] == "rejected" for line in lines] == [False, False, True, True, False]


@pytest.mark.parametrize("out", ["-", "out.jsonl"])
def test_looks_a_list_of_another_kind_up(tmp_path: Path, out: str) -> None:
    """By a custom name, whose column is found; and the same command goes on with the job."""
    path = tmp_path / "list.csv"
    path.write_text("id,wechat\n1,+a b\n2,c\n")
    target = out if out == "-" else str(tmp_path / out)
    command = ("bulk", str(path), "--custom-identifier", "wechat", "--out", target, "--sandbox")
    for ran in (invoke(*command), invoke(*command)):
        lines = json_lines(ran.out if out == "-" else (tmp_path / out).read_text())
        assert ran.code == 0
        assert sorted(line["query"]["identifierValue"] for line in lines) == ["+a b", "c"]
        assert {line["query"]["identifierName"] for line in lines} == {"wechat"}
