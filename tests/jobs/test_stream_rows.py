"""What is asked for a row, and what is written of its outcome."""

from typing import Any

import orjson
import pytest

from capillary_interactions import (
    ApiVersion,
    CustomerInteractions,
    Found,
    Identifier,
    IdentifierName,
    Interaction,
    InteractionType,
    Message,
    Network,
    Query,
    Unavailable,
    to_jsonable,
)
from capillary_interactions._json.unstructure import mask_codes_in_json
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.rows import Row, escape_unencodable
from capillary_interactions.jobs._run.stream_rows import outcome_line, rejected_line
from tests.tables import table

_MOBILE = QueryTemplate(name=IdentifierName.MOBILE)


def test_asks_for_a_row_with_the_filters_of_the_list() -> None:
    """Type and network are the same for every row."""
    template = QueryTemplate(
        name=IdentifierName.EMAIL, type=InteractionType.LIKE, network=Network.FACEBOOK
    )

    assert template.normalise(Row(1, "a@b.co"))[1] is None
    assert template.query("a@b.co") == Query(
        Identifier.email("a@b.co"), type="like", network="facebook"
    )


@table(
    ("row", "template", "said"),
    [
        (Row(1, ""), _MOBILE, "must not be blank"),
        (Row(1, "91\x0792"), _MOBILE, "control characters"),
        (Row(1, "91,92"), _MOBILE, "must not hold a comma"),
        (Row(1, "\ud800"), _MOBILE, "valid Unicode"),
        (Row(1, "919", "the line is no JSON object"), _MOBILE, "the line is no JSON object"),
    ],
)
def test_says_why_a_row_cannot_be_asked(row: Row, template: QueryTemplate, said: str) -> None:
    """The reason is the row's own, or that of the query it cannot become."""
    reason = template.normalise(row)[1]

    assert said in (reason or "")


@pytest.mark.parametrize("api", ApiVersion)
def test_rejects_what_could_be_read_as_several_customers(api: ApiVersion) -> None:
    """A comma, in either version."""
    template = QueryTemplate(name=IdentifierName.MOBILE, api=api)

    assert "must not hold a comma" in (template.normalise(Row(1, "91,92"))[1] or "")


@table(
    "wrong",
    [
        {"name": IdentifierName.CARD_NUMBER, "api": ApiVersion.V2},
        {
            "name": IdentifierName.MOBILE,
            "type": InteractionType.LIKE,
            "network": Network.TWITTER,
        },
    ],
)
def test_refuses_once_what_no_row_could_be_asked(wrong: dict[str, Any]) -> None:
    """A setting that is wrong for every row is reported before the first of them."""
    with pytest.raises(ValueError, match=r"API v2|belongs to network"):
        QueryTemplate(**wrong)


def test_writes_the_row_and_then_what_to_jsonable_gives() -> None:
    """A line of output is one JSON object, and nothing of it is this command's invention."""
    outcome = Unavailable(
        query=Query(Identifier.mobile("919738522695")),
        item=None,
        reason="no answer",
        status=503,
        retry_after=2.0,
        attempts=5,
        elapsed=1.5,
        waited=0.25,
    )

    line = outcome_line(7, outcome)

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert orjson.loads(line) == {"row": 7, **to_jsonable(outcome)}
    assert next(iter(orjson.loads(line))) == "row"


@table("value", ["", "91,92", "\ud800", "a\nb"])
def test_writes_a_rejected_row_with_as_much_of_its_query_as_there_is(value: str) -> None:
    """A row that was never sent has the keys of every other, and no time has passed."""
    template = QueryTemplate(name=IdentifierName.MOBILE, type=InteractionType.EMAIL)

    line = rejected_line(Row(3, escape_unencodable(value), "because", "[]"), template)

    shown = value.encode(errors="backslashreplace").decode()
    assert line.count(b"\n") == 1
    assert orjson.loads(line) == {
        "row": 3,
        "outcome": "rejected",
        "query": {"identifierName": "mobile", "identifierValue": shown, "type": "email"},
        "reason": "because",
        "attempts": 0,
        "elapsed": 0.0,
        "waited": 0.0,
    }


def test_masks_codes_in_subjects_only_if_asked_to() -> None:
    """A receiver's number is data; a code in a subject is a secret for a minute."""
    message = Message(id=1, receiver="91660499", subject="123456 is your code")
    interaction = Interaction(name="sms", count=1, messages=(message,))
    found = Found(
        query=Query(Identifier.mobile("919738522695")),
        item=None,
        customer=CustomerInteractions(interactions=(interaction,)),
    )

    plain = orjson.loads(outcome_line(1, found))
    safe = orjson.loads(outcome_line(1, found, codes_masked=True))

    assert plain == {"row": 1, **to_jsonable(found)}
    (written,) = safe["answer"]["interaction"][0]["messageList"]
    assert written == {"id": 1, "receiver": "91660499", "subject": "****** is your code"}
    assert mask_codes_in_json([{"subject": 5}, {"subject": {"subject": "1234"}}, "1234"]) == [
        {"subject": 5},
        {"subject": {"subject": "****"}},
        "1234",
    ]
