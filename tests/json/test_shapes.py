"""Which shape an answer has, what it must hold, and the habits of the envelope."""

from typing import Any

from capillary_interactions import Customer, to_jsonable
from tests.tables import table

from .bodies import (
    ending,
    envelope,
    envelope_message,
    enveloped,
    flat,
    flat_messages,
    judged,
    mismatch,
    read,
)

NOTHING = [None, "", "null"]
DEEP: Any = "leaf"
for _ in range(100):
    DEEP = [DEEP]


@table(
    "body",
    [
        {},
        [],
        [flat()],
        None,
        True,
        5,
        "text",
        {"name": "capillary"},
        {"name": "capillary", "warnings": []},
        {"interactions": []},
        {"network": []},
        {"customer": {"interactions": {"network": []}}},
        {"data": {"interaction": []}},
        {"message": "something"},
        {"errors": None},
        {"errors": []},
        {"status": "ok"},
        {"code": 200, "status": True},
        {"response": None},
        {"response": []},
        {"response": {}},
        {"response": {"status": {"success": "true", "code": 200}}},
        {"response": {"status": {"success": "true", "code": 200}, "customer": None}},
        {"response": {"status": {"success": "true", "code": 200}, "customer": {}}},
        {"response": {"customer": {"interactions": None}}},
        {"response": {"customer": {"interactions": "null"}}},
        {"response": {"customer": {"interactions": []}}},
        {"response": {"customer": {"interactions": {"networks": []}}}},
        {"response": {"customer": {"interactions": {"network": [{"name": "capillary"}]}}}},
        {"interaction": None},
        {"interaction": {}},
        {"interaction": {"name": "a", "count": 0}},
        {"interaction": "null"},
        flat({}),
        flat({"name": "a"}),
        flat({"count": 1}),
        flat({"name": None, "count": 1}),
        flat({"name": "a", "count": None}),
        flat({"name": "a", "count": ""}),
        flat(None),
        flat([]),
        envelope({"count": 1}),
        envelope({"type": "null", "count": 1}),
        envelope({"type": "", "count": 1}),
    ],
)
def test_proves_itself_or_is_unreadable(body: object) -> None:
    """An answer that is misunderstood never looks like one that is empty."""
    assert ending(judged(body)) == "unreadable"


@table(
    ("body", "path", "found"),
    [
        ({"interaction": None}, "interaction", "null"),
        (flat({"name": "a"}), "interaction[0].count", "nothing"),
        (flat({"count": 1}), "interaction[0].name", "nothing"),
        (flat({"name": None, "count": 1}), "interaction[0].name", "null"),
        ({"response": {"customer": {}}}, "response.customer.interactions", "nothing"),
        (
            {"response": {"customer": {"interactions": None}}},
            "response.customer.interactions",
            "null",
        ),
        ({"response": []}, "response", "a list"),
        (
            envelope({"type": "null"}),
            "response.customer.interactions.network[0].interaction[0].type",
            'the string "null"',
        ),
    ],
)
def test_tells_what_is_missing(body: object, path: str, found: str) -> None:
    """With its path, and whether nothing stands there or null."""
    wrong = mismatch(body)
    assert wrong.path == path
    assert wrong.reason.endswith(f", found {found}")


@table(("body", "found"), [([], "a list"), (None, "null"), ({}, "an object with neither")])
def test_tells_of_a_body_with_neither_shape(body: object, found: str) -> None:
    """There is no path to the whole."""
    wrong = mismatch(body)
    assert wrong.path is None
    assert wrong.reason == (
        f'the answer: expected an object with "interaction" or "response", found {found}'
    )


@table(
    "body",
    [flat(), {"interaction": []}, envelope(), enveloped({}), enveloped({"network": None})],
)
def test_may_be_empty(body: object) -> None:
    """A known customer without interactions has an answer, and it is not short of anything."""
    answer = read(body)
    assert answer.interactions == ()
    assert not answer.truncated


def test_takes_null_for_absent_where_nothing_is_required() -> None:
    """Nulls leave no trace in the model, and none in what is written."""
    nulls: dict[str, Any] = dict.fromkeys(
        ["id", "receiver", "subject", "campaignId", "status", "sentDate", "userId", "unknown"]
    )
    body = flat(
        {"name": "email", "count": 0, "messageList": [nulls], "usedStatus": None, "surveys": None},
        warnings=None,
        other=None,
    )
    assert read(body) == read(flat({"name": "email", "count": 0, "messageList": [{}]}))
    assert to_jsonable(read(body)) == flat({"name": "email", "count": 0, "messageList": [{}]})


@table(
    ("name", "network"),
    [
        ("capillary", "capillary"),
        ("facebook", "facebook"),
        ("twitter", "twitter"),
        ("foursquare", "foursquare"),
        ("A Person", None),
        ("Capillary", None),
        (None, None),
    ],
)
def test_sets_the_network_from_a_documented_name_only(
    name: str | None, network: str | None
) -> None:
    """`name` stays as it was sent; one that is no network's is perhaps the customer's."""
    answer = read({"name": name, "interaction": [{"name": "email", "count": 0}]})
    assert answer.name == name
    assert answer.interactions[0].network == network


def test_leaves_a_network_that_an_interaction_names_itself() -> None:
    """The interaction knows better than the answer around it."""
    answer = read(flat({"name": "email", "count": 0, "network": "twitter"}))
    assert answer.interactions[0].network == "twitter"


def test_keeps_unknown_fields_at_each_level() -> None:
    """Under the server's own names, as they came."""
    message = {"id": 1, "tags": ["a"]}
    survey, place = {"name": "s", "language": "en"}, {"lat": 1.5, "city": "Pune"}
    body = flat(
        {
            "name": "email",
            "count": 1,
            "messageList": [message],
            "surveys": [survey],
            "locations": [place],
            "channel": {"x": 1},
        },
        page=3,
    )
    answer = read(body)
    (interaction,) = answer.interactions

    assert answer.extra == {"page": 3}
    assert interaction.extra == {"channel": {"x": 1}}
    assert interaction.messages[0].extra == {"tags": ["a"]}
    assert interaction.surveys[0].extra == {"language": "en"}
    assert interaction.locations[0].extra == {"city": "Pune"}
    assert to_jsonable(answer) == body


def test_keeps_the_text_of_odd_dates_and_reads_the_rest() -> None:
    """Two odd dates in one message cost neither it nor the history around it."""
    odd = {"id": 7, "sentDate": "soon", "deliveredTime": "", "status": "SENT", "more": 1}
    body = flat_messages({"id": 6}, odd)
    _, message = read(body).interactions[0].messages

    assert (message.id, message.status, message.sent_at, message.delivered_at) == (
        7,
        "SENT",
        None,
        None,
    )
    assert message.extra == {"sentDate": "soon", "deliveredTime": "", "more": 1}
    assert to_jsonable(read(body)) == body


@table("nothing", NOTHING)
def test_reads_the_words_for_nothing_in_the_envelope_only(nothing: object) -> None:
    """There, "null" and "" are none; in the flat shape a text is a text."""
    fields = ("id", "sender", "reciever", "subject", "status", "sent_time", "campaign_id")
    body = envelope_message(**dict.fromkeys(fields, nothing))
    assert read(body) == read(envelope_message())

    ((_, message),) = read(flat_messages({"subject": nothing, "receiver": nothing})).messages()
    assert (message.subject, message.receiver) == (nothing, nothing)


@table("nothing", NOTHING)
def test_reads_the_words_for_nothing_in_place_of_lists(nothing: object) -> None:
    """Each of the envelope's lists may be nothing at all."""
    empty = {"type": "a", "messages": nothing, "surveys": nothing, "locs": {"loc": nothing}}
    (interaction,) = read(envelope(empty)).interactions
    assert (interaction.messages, interaction.surveys, interaction.locations) == ((), (), ())
    assert read(enveloped({"network": nothing})).interactions == ()
    network = {"name": "capillary", "interaction": nothing}
    assert read(enveloped({"network": [network]})).interactions == ()


@table("nothing", NOTHING)
def test_counts_by_itself_where_the_envelope_does_not(nothing: object) -> None:
    """A count that is not given is that of what is there."""
    messages = {"message": [{"id": 1}, {"id": 2}]}
    (interaction,) = read(
        envelope({"type": "a", "count": nothing, "messages": messages})
    ).interactions
    assert interaction.count == 2


@table(
    ("fields", "receiver"),
    [
        ({"reciever": "a@b.co"}, "a@b.co"),
        ({"receiver": "a@b.co"}, "a@b.co"),
        ({"reciever": "", "receiver": "a@b.co"}, "a@b.co"),
        ({"reciever": "\n a@b.co\r\n"}, "a@b.co"),
        ({"receiver": "\na@b.co\n"}, "a@b.co"),
        ({"reciever": " \n "}, None),
        ({}, None),
    ],
)
def test_finds_the_receiver_in_either_spelling(
    fields: dict[str, str], receiver: str | None
) -> None:
    """The published misspelling, the older spelling, and stray line breaks around it."""
    ((_, message),) = read(envelope_message(**fields)).messages()
    assert message.receiver == receiver


def test_reads_a_list_of_one_as_the_object_itself() -> None:
    """At each level of the envelope a list of one may be collapsed."""
    message, survey, place = {"id": 1}, {"name": "s"}, {"lat": 1.5}

    def interaction(one: Any) -> dict[str, Any]:
        return {
            "type": "email",
            "count": 1,
            "messages": {"message": one(message)},
            "surveys": {"survey": one(survey)},
            "locs": {"loc": one(place)},
        }

    def listed(value: Any) -> Any:
        return [value]

    def collapsed(value: Any) -> Any:
        return value

    whole = enveloped({"network": [{"name": "x", "interaction": [interaction(listed)]}]})
    short = enveloped({"network": {"name": "x", "interaction": interaction(collapsed)}})
    assert read(whole) == read(short)
    assert len(read(short).interactions[0].messages) == 1


def test_tells_who_the_customer_is() -> None:
    """With what is unknown of them, and without how the lookup went."""
    item = {"success": "true", "code": 1000, "message": "fine"}
    answer = read(
        envelope(id="41", mobile="\n919\n", external_id="", tier="gold", item_status=item)
    )
    assert answer.customer == Customer(id=41, mobile="919", extra={"tier": "gold"})


@table(
    "body",
    [
        flat(deep=DEEP),
        flat({"name": "a", "count": 0, "deep": DEEP}),
        flat(warnings=[DEEP]),
        flat_messages({"deep": DEEP}),
        envelope_message(deep=DEEP),
        envelope(deep=DEEP),
    ],
)
def test_keeps_nothing_deeper_than_a_writer_follows(body: object) -> None:
    """Unknown fields have a bounded depth, so that every answer can be written again."""
    assert "levels deep" in mismatch(body).reason
