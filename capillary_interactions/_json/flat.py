"""How is a flat answer read: `{"name": ..., "interaction": [...]}`?"""

from functools import partial
from typing import Any, Final

from capillary_interactions._json.answer_fields import ANSWER, Field, ObjectFields
from capillary_interactions._json.fields import (
    FieldHook,
    ObjectReader,
    date,
    required,
    with_default,
)
from capillary_interactions._json.structure import make_structure_fn, set_frozen
from capillary_interactions._json.zones import DateReader
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.vocabulary import Network

_NETWORKS: Final = frozenset(network.value for network in Network)


def flat_reader(
    dates: DateReader, read_other: ObjectReader[CustomerInteractions]
) -> ObjectReader[CustomerInteractions]:
    """A function that reads such answers, and leaves others to `read_other`."""
    read_flat = _object_reader(ANSWER, dates)

    def read(body: Any) -> CustomerInteractions:
        if not isinstance(body, dict) or "interaction" not in body:
            return read_other(body)
        answer: CustomerInteractions = read_flat(body)
        # Here, and only here, the answer's name is its network's.
        network = answer.name if answer.name in _NETWORKS else None
        for interaction in answer.interactions:
            if network is not None and interaction.network is None:
                set_frozen(interaction, "network", network)
            source = interaction._source  # noqa: SLF001 - the models' own memory, for this package
            if source is not None and source.get("messageList") is not None:
                set_frozen(interaction, "_has_message_list", True)
        return answer

    return read


def _object_reader(objects: ObjectFields, dates: DateReader) -> ObjectReader[Any]:
    hooks = {field.name: (field.flat, _hook(field, dates)) for field in objects.fields}
    return make_structure_fn(
        objects.model, hooks, keep_source=True, dates=dates.of(objects), quick=dates.doubting
    )


def _hook(field: Field, dates: DateReader) -> FieldHook:
    hook: FieldHook = field.check
    if field.objects is not None:
        hook = field.check(_object_reader(field.objects, dates))
    elif field.check is date:
        hook = partial(date, dates.parser())
    if field.required:
        return partial(required, hook)
    return hook if field.default is None else with_default(field.default, hook)
