"""JSON Schemas of every published body: two shapes of an answer, failures, and the token's.

Fields that are not listed may be there, too: the API adds some without notice.
"""

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str = "", **properties: Json) -> Json:
    """An object; `required` has its mandatory fields, separated by spaces."""
    schema: Json = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _one_or_more(items: Json) -> Json:
    """A list, or its only element without a list."""
    return {"anyOf": [_list(items), items]}


_TEXT: Final[Json] = {"type": "string"}
_NUMBER: Final[Json] = {"type": "integer"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
# Numbers and booleans come as text, too, and "null" and "" for nothing.
_NUMBER_OR_TEXT: Final[Json] = {"type": ["integer", "string"], "pattern": "^-?[0-9]*$|^null$"}
_DECIMAL_OR_TEXT: Final[Json] = {"type": ["number", "string"]}
_COUNT_OR_TEXT: Final[Json] = {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$"}
_BOOLEAN_OR_TEXT: Final[Json] = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]
}
_CODE: Final[Json] = {"type": ["integer", "string"], "pattern": "^[0-9]+$"}
_OFFSET: Final = "(Z|[+-][0-9]{2}:[0-9]{2})$"
_CLOCK: Final = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_FLAT_DATE: Final[Json] = {
    "type": "string",
    "pattern": f"^[0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}} {_CLOCK}$",
}
_ISO_DATE: Final[Json] = {
    "type": "string",
    "pattern": f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}(\\.[0-9]+)?{_OFFSET}",
}
# The years of five digits and the months of one are published.
_DATE: Final[Json] = {
    "type": "string",
    "pattern": f"^([0-9]{{4,5}}-[0-9]{{1,2}}-[0-9]{{1,2}} {_CLOCK}|null|)$",
}
# The envelope's failures have their customer beside the status, or none.
_STATUS: Final = _object(
    success=_BOOLEAN_OR_TEXT,
    code=_CODE,
    response_code=_CODE,
    message=_TEXT,
    warnings=_object(warning=_one_or_more(ref("Warning"))),
)
_ITEM: Final[Json] = {**_STATUS, "required": ["success", "code"]}
_FAILED_CUSTOMERS: Final = _object(
    "customer", customer=_one_or_more(_object("item_status", item_status=_ITEM))
)

SCHEMAS: Final[Mapping[str, Json]] = {
    "Flat": _object(
        "name interaction",
        name={**_TEXT, "description": "The network, in each published answer."},
        interaction=_list(ref("FlatInteraction")),
        warnings=_list(ref("Warning")),
    ),
    "FlatInteraction": _object(
        "name count",
        name=_TEXT,
        count=_COUNT,
        messageList=_list(ref("FlatMessage")),
        surveys=_list(_object()),
        usedStatus={"type": "boolean"},
    ),
    "FlatMessage": _object(
        "id receiver subject campaignId status sentDate userId",
        id=_NUMBER,
        receiver=_TEXT,
        subject=_TEXT,
        campaignId={**_NUMBER, "description": "-1 for none."},
        status=_TEXT,
        sentDate={**_FLAT_DATE, "description": "In the cluster's time zone."},
        sentDateISO=_ISO_DATE,
        deliveredTime={**_ISO_DATE, "description": "Absent where nothing was delivered."},
        deliveredTimeISO=_ISO_DATE,
        userId={**_NUMBER, "description": "-1 for none."},
    ),
    "Envelope": _object(
        "response",
        response={
            **_object("status", status=ref("Succeeded")),
            "oneOf": [
                _object("customer", customer=ref("EnvelopeCustomer")),
                _object(
                    "customers",
                    customers=_object("customer", customer=_one_or_more(ref("EnvelopeCustomer"))),
                ),
            ],
        },
    ),
    "Succeeded": {
        **_STATUS,
        "properties": {
            **_STATUS["properties"],
            "success": {
                "anyOf": [{"type": "boolean", "const": True}, {"type": "string", "const": "true"}]
            },
        },
        "required": ["success"],
    },
    "EnvelopeCustomer": _object(
        "interactions",
        id=_NUMBER_OR_TEXT,
        mobile=_TEXT,
        email=_TEXT,
        external_id=_TEXT,
        interactions=_object("network", network=_one_or_more(ref("EnvelopeNetwork"))),
        item_status=_ITEM,
    ),
    "EnvelopeNetwork": _object(
        "name interaction", name=_TEXT, interaction=_one_or_more(ref("EnvelopeInteraction"))
    ),
    "EnvelopeInteraction": _object(
        "type count",
        type=_TEXT,
        count=_COUNT_OR_TEXT,
        last_interaction_time=_DATE,
        used_status=_BOOLEAN_OR_TEXT,
        messages=_object("message", message=_one_or_more(ref("EnvelopeMessage"))),
        latest_nps_score=_NUMBER_OR_TEXT,
        latest_survey_name=_TEXT,
        latest_survey_interaction_time=_DATE,
        surveys=_object("survey", survey=_one_or_more(ref("Survey"))),
        locs=_object("loc", loc=_one_or_more(ref("Location"))),
    ),
    "EnvelopeMessage": _object(
        "id subject status sent_time",
        id=_NUMBER_OR_TEXT,
        sender=_TEXT,
        reciever=_TEXT,
        receiver=_TEXT,
        subject=_TEXT,
        status=_TEXT,
        sent_time=_DATE,
        sent_timeISO=_ISO_DATE,
        delivered_time=_DATE,
        delivered_timeISO=_ISO_DATE,
        campaign_id=_NUMBER_OR_TEXT,
    ),
    "Survey": _object(
        "name",
        name=_TEXT,
        nps_score=_NUMBER_OR_TEXT,
        sent_by=_TEXT,
        response_url=_TEXT,
        sent_time=_DATE,
        completion_time=_DATE,
    ),
    "Location": _object("lat long time", lat=_DECIMAL_OR_TEXT, long=_DECIMAL_OR_TEXT, time=_DATE),
    "Warning": {
        "anyOf": [{"type": ["string", "integer"]}, _object("code", code=_CODE, message=_TEXT)]
    },
    "FailedEnvelope": _object(
        "response",
        response=_object(
            "status",
            # Failures about tokens say `success: true`.
            status=_STATUS,
            customer={"not": {"required": ["interactions"]}, **_object(item_status=_ITEM)},
            customers={"anyOf": [{"type": "null"}, _FAILED_CUSTOMERS]},
        ),
    ),
    "ErrorList": _object(
        "errors",
        errors={
            **_list(_object("code message", status={"type": "boolean"}, code=_CODE, message=_TEXT)),
            "minItems": 1,
        },
    ),
    "ErrorCode": _object("errorCode errorMessage", errorCode=_CODE, errorMessage=_TEXT),
    "TokenRequest": {
        **_object("key secret", key=_TEXT, secret=_TEXT),
        "examples": [{"key": "sandbox-key", "secret": "sandbox-secret"}],
    },
    "Token": _object(
        "data",
        data=_object("accessToken ttlSeconds", accessToken=_TEXT, ttlSeconds=_COUNT),
        errors={"type": "null"},
    ),
    "TokenFailure": _object(
        "data errors",
        data={"type": "null"},
        errors={**_list(_object("code message", code=_CODE, message=_TEXT)), "minItems": 1},
    ),
}
