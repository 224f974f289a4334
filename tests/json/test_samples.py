"""Every published sample ends as the notes on the API say."""

from datetime import UTC, datetime

import orjson

from capillary_interactions import Customer, to_jsonable
from capillary_interactions._protocol.codes import ResultKind
from tests.tables import table

from .bodies import SAMPLES, ending, judged, read, sample

ENDINGS = {
    "documented": "found",
    "envelope": "found",
    "envelope_customers_warnings": "found",
    "envelope_old": "found",
    "flat_channels": "found",
    "flat_phone_mirrors_sms": "found",
    "error_authorization_unavailable": "again",
    "error_customer_deleted": "not found",
    "error_customers_not_found": "not found",
    "error_envelope_failed": "again",
    "error_envelope_not_found": "not found",
    "error_flat_not_found": "not found",
    "error_no_access": "forbidden",
    "error_token_endpoint_refused": "rejected",
    "error_token_expired": "denied",
    "error_token_invalid": "denied",
    "token": "unreadable",
}


def test_are_all_in_the_table() -> None:
    """No sample lies there without a test."""
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(ENDINGS)


@table(("name", "expected"), ENDINGS.items())
def test_end_as_documented(name: str, expected: str) -> None:
    """Served with a 200, each has its one ending."""
    assert ending(judged(sample(name))) == expected


@table("name", ["documented", "flat_channels", "flat_phone_mirrors_sms"])
def test_flat_ones_come_back_to_the_letter(name: str) -> None:
    """Read and written, they are what was sent, in the order in which it was sent."""
    sent = orjson.loads(sample(name))
    assert orjson.dumps(to_jsonable(read(sample(name)))) == orjson.dumps(sent)


def test_documented_one_has_every_documented_field() -> None:
    """The page's own example is eight messages with what its table lists."""
    answer = read(sample("documented"))

    (interaction,) = answer.interactions
    assert (answer.name, answer.warnings, answer.customer) == ("capillary", (), None)
    assert (answer.truncated, answer.extra) == (False, {})
    assert (interaction.name, interaction.count, interaction.network) == ("email", 8, "capillary")
    assert len(interaction.messages) == 8
    first, second, third, *_ = interaction.messages
    assert (first.id, first.campaign_id, first.user_id) == (1685581782856, 469, 177269954)
    assert first.receiver == "[email\N{NO-BREAK SPACE}protected]"
    assert (first.subject, first.status) == ("Rewards redeemed", "SOFT_BOUNCED")
    assert first.sent_at == datetime(2023, 6, 9, 14, 5, 20, tzinfo=UTC)
    assert first.delivered_at is None
    assert second.campaign_id is None
    assert second.delivered_at == second.sent_at == datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)
    assert third.user_id is None
    assert not any(each.extra or each.sender for each in interaction.messages)


def test_flat_one_with_channels_keeps_each_channel() -> None:
    """Interactions without messages are listed, with what they have in place of them."""
    answer = read(sample("flat_channels"))

    kinds = [(each.name, each.count, len(each.messages)) for each in answer.interactions]
    assert kinds == [
        ("survey", 0, 0),
        ("viber", 1, 1),
        ("email", 0, 0),
        ("missed_call", 0, 0),
        ("sms", 2, 2),
    ]
    assert [each.used for each in answer.interactions] == [None, None, None, False, None]
    assert [message.status for _, message in answer.messages()] == [
        "FAILED",
        "DELIVERED",
        "GTW_NOT_FOUND",
    ]


def test_envelope_is_given_in_the_flat_vocabulary() -> None:
    """It has a customer, and a network in each interaction; nothing else is spelled anew."""
    written = to_jsonable(read(sample("envelope")))

    assert written == {
        "customer": {"id": 41, "mobile": "919000000001", "email": "a.person@example.com"},
        "interaction": [
            {"name": "survey", "network": "capillary", "count": 0, "usedStatus": False},
            {"name": "missed_call", "network": "capillary", "count": 0, "usedStatus": False},
            {
                "name": "email",
                "network": "capillary",
                "count": 2,
                "messageList": [
                    {
                        "id": 1700000000201,
                        "receiver": "a.person@example.com",
                        "subject": "Spring news",
                        "campaignId": 31,
                        "status": "OPENED",
                        "deliveredTime": "2025-04-14T14:23:20Z",
                        "sentDate": "14-04-2025 14:23:20",
                    },
                    {
                        "id": 1700000000202,
                        "receiver": "a.person@example.com",
                        "subject": "Summer news",
                        "campaignId": 31,
                        "status": "DELIVERED",
                        "deliveredTime": "2025-04-16T15:32:20Z",
                        "sentDate": "16-04-2025 15:32:10",
                    },
                ],
                "usedStatus": False,
            },
        ],
        "warnings": [],
    }


def test_old_envelope_is_read_through_all_its_habits() -> None:
    """Strings for numbers, lists of one collapsed, line breaks, one-digit months, a far year."""
    answer = read(sample("envelope_old"))
    checkin, tweet, retweet, email, survey = answer.interactions

    assert answer.customer == Customer(
        id=42, mobile="447000000002", email="b.person@example.com", external_id="bp42"
    )
    assert (checkin.network, checkin.count) == ("facebook", 1)
    (place,) = checkin.locations
    assert (place.lat, place.long) == (22.23, 23.33)
    assert place.time == datetime(2012, 3, 12, 11, 33, 23, tzinfo=UTC)
    assert [(each.network, each.name, each.count) for each in (tweet, retweet)] == [
        ("twitter", "tweet", 10),
        ("twitter", "retweet", 5),
    ]
    (message,) = email.messages
    assert (message.id, message.receiver) == (554, "b.person@example.com")
    assert (message.sent_at, message.extra) == (None, {"sent_time": "45837-06-15 02:56:40"})
    assert survey.surveys[0].nps_score == 9
    assert survey.surveys[0].completed_at == datetime(2013, 11, 14, 13, 23, 5, tzinfo=UTC)
    assert survey.extra == {
        "latest_nps_score": "9",
        "latest_survey_name": "Satisfaction 5",
        "latest_survey_interaction_time": "2013-12-16 12:14:37",
    }


def test_item_code_says_more_than_the_failed_request_around_it() -> None:
    """The request's 500 with a code of the customer is about the customer."""
    verdict = judged(sample("error_envelope_not_found"), 500)
    assert (verdict.kind, verdict.code) == (ResultKind.NOT_FOUND, 1012)


def test_failed_request_without_an_item_is_asked_again() -> None:
    """A request's 500 that tells nothing about the customer may pass."""
    verdict = judged(sample("error_envelope_failed"))
    assert verdict.kind is ResultKind.RETRYABLE
    assert (verdict.status, verdict.code) == (200, 500)
    assert verdict.reason == "the server failed (500): All requests have failed due to errors"
