"""What the PBX has, in the words of its lists."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.yeastar.pbx import inventory, queries
from custom_components.yeastar.pbx.calls.running import (
    calls_of_extensions,
    calls_on_trunks,
)
from custom_components.yeastar.pbx.errors import NoListError
from custom_components.yeastar.pbx.inventory import (
    Directory,
    Extension,
    ExtensionStatus,
    Queue,
    TrunkStatus,
)
from custom_components.yeastar.pbx.models import Device, pbx_zone
from tests.pbx.answering import answering

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
# What may stand where a list belongs.
NO_LISTS = [None, "", "x", 7, {}, [None, 1, "x", {}, []]]


@pytest.mark.parametrize(
    ("system_time", "offset"),
    [
        # Whatever the sign means, the clock shows the offset.
        ("2026-03-02 01:00:07 UTC-8", timedelta(hours=-8)),
        ("2026-03-02 01:00:07 UTC+8", timedelta(hours=-8)),
        ("2026-03-02 14:29:55 UTC+5:30", timedelta(hours=5, minutes=30)),
        # Three minutes slow.
        ("2026-03-02 09:57:00 UTC+1", timedelta(hours=1)),
        ("2026-03-02 09:00:00", timedelta(0)),
        # A clock that was never set: only the text is left.
        ("2000-01-01 00:00:00 UTC-8", timedelta(hours=-8)),
        ("2000-01-01 00:00:00 UTC-3:30", -timedelta(hours=3, minutes=30)),
    ],
)
def test_the_pbxs_zone_is_worked_out(system_time: str, offset: timedelta) -> None:
    zone = pbx_zone(system_time, NOW, timezone(timedelta(hours=3)))
    assert NOW.astimezone(zone).utcoffset() == offset


@pytest.mark.parametrize(
    "system_time",
    [None, "", "soon", "2000-01-01 00:00:00", "2000-01-01 00:00:00 UTC+99"],
)
def test_without_a_readable_clock_it_is_home_assistants_zone(
    system_time: str | None,
) -> None:
    assert pbx_zone(system_time, NOW, BERLIN) is BERLIN


def test_a_pbx_in_home_assistants_zone_changes_to_summer_time_with_it() -> None:
    zone = pbx_zone("2026-03-02 10:00:00 UTC+1", NOW, BERLIN)
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)


def test_the_device_survives_missing_fields() -> None:
    assert Device.from_wire({}) == Device("", "", None, None, None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Registered", ExtensionStatus.IDLE),
        ("registered", ExtensionStatus.IDLE),
        ("Idle", ExtensionStatus.IDLE),
        ("idle", ExtensionStatus.IDLE),
        ("Ringing", ExtensionStatus.RINGING),
        ("Busy", ExtensionStatus.BUSY),
        ("Hold", ExtensionStatus.ON_HOLD),
        ("Unavailable", ExtensionStatus.UNREGISTERED),
        ("unavailable", ExtensionStatus.UNREGISTERED),
        ("Unregistered", ExtensionStatus.UNREGISTERED),
        ("unregistered", ExtensionStatus.UNREGISTERED),
        ("Malfunction", ExtensionStatus.FAULTY),
        ("Fxsnoport", ExtensionStatus.FAULTY),
        ("Dancing", None),
        ("", None),
    ],
)
async def test_extension_words(word: str, status: ExtensionStatus | None) -> None:
    assert inventory.extension_status(word) is status
    answer = {"extlist": [{"number": "1000", "status": word, "username": "Jayson"}]}
    (extension,) = (await queries.extensions(answering(answer))).values()
    assert extension == Extension("1000", "Jayson", status)


@pytest.mark.parametrize(
    ("kind", "word", "status"),
    [
        ("SIP", "Registered", TrunkStatus.AVAILABLE),
        ("SIP", "registered", TrunkStatus.AVAILABLE),
        ("SIP", "Registered (Unmonitored)", TrunkStatus.AVAILABLE),
        ("SIP", "Registering", TrunkStatus.REGISTERING),
        ("SIP", "failure", TrunkStatus.FAILED),
        ("IAX", "Disable", TrunkStatus.DISABLED),
        ("SIP", "Unknown", None),
        ("FXO", "Fault", TrunkStatus.FAILED),
        ("FXO", "Idle", TrunkStatus.AVAILABLE),
        ("FXO", "Busy", TrunkStatus.BUSY),
        ("E1", "Up", TrunkStatus.AVAILABLE),
        ("BRI", "Down", TrunkStatus.FAILED),
        ("BRI", "Alarm", TrunkStatus.FAILED),
        ("GSM", "No SIM", TrunkStatus.FAILED),
        ("GSM", "No Signal", TrunkStatus.FAILED),
        ("GSM", "Pin Error", TrunkStatus.FAILED),
        ("GSM", "Power Off", TrunkStatus.FAILED),
        ("GSM", "Unregister", TrunkStatus.FAILED),
    ],
)
async def test_trunk_words(kind: str, word: str, status: TrunkStatus | None) -> None:
    item = {"trunkname": "t", "id": "7", "status": word, "type": kind}
    found = await queries.trunks(answering({"trunklist": [item]}))
    (trunk,) = found.values()
    assert (trunk.status, trunk.detail) == (status, word)
    expected = None if status is None else status in ("available", "busy")
    assert trunk.connected is expected


async def test_a_queue_is_read_with_its_name() -> None:
    # queuestatus-query.html
    answer = {
        "queues": [
            {
                "number": "6700",
                "queuestatus": [
                    {
                        "callercount": "1",
                        "members": [
                            {"agent": "1001", "agentstatus": "1"},
                            {"agent": "1002", "agentstatus": "9"},
                        ],
                        "callers": [{"callernum": "2203303", "waittime": "12"}],
                    }
                ],
            },
            {"number": "6701", "queuestatus": [{"callercount": ""}]},
            {"number": "6702"},
        ]
    }
    assert await queries.queues(answering(answer), {"6700": "Support"}) == {
        "6700": Queue("6700", "Support", 1, 1),
        "6701": Queue("6701", "", 0, 0),
        "6702": Queue("6702", "", None, None),
    }


@pytest.mark.parametrize("count", ["9" * 5000, "-1", "many", None, [], "1.5"])
async def test_a_count_that_is_none_is_counted_anew(count: object) -> None:
    status = {"callercount": count, "callers": [{"callernum": "1"}]}
    answer = {"queues": [{"number": "6700", "queuestatus": [status]}]}
    assert (await queries.queues(answering(answer), {}))["6700"].waiting == 1


async def test_unread_voicemails_are_counted() -> None:
    answer = {
        "voicemails": [
            {
                "number": "1000",
                "voicemail": [
                    {"voicemailstatus": "unread"},
                    {"voicemailstatus": "Unread"},
                    {"voicemailstatus": "read"},
                ],
            }
        ]
    }
    assert await queries.unread_voicemails(answering(answer)) == {"1000": 2}
    assert await queries.unread_voicemails(answering({"status": "Success"})) == {}


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        ({"calllist": [{"number": "1000"}]}, []),
        ({"calllist": [{"number": "1000", "numbercalls": []}]}, []),
        ({}, None),
    ],
)
async def test_an_idle_extension_has_no_calls_if_there_is_a_list(
    answer: dict[str, Any], calls: list[Any] | None
) -> None:
    assert await calls_of_extensions(answering(answer)) == calls


@pytest.mark.parametrize(
    "read",
    [
        queries.extensions,
        queries.trunks,
        queries.queue_names,
        queries.unread_voicemails,
        queries.ivr_numbers,
        calls_on_trunks,
        queries.messages,
        lambda client: queries.queues(client, {}),
        lambda client: queries.do_not_disturb(client, ["1000"]),
    ],
)
@pytest.mark.parametrize("value", NO_LISTS)
async def test_of_what_has_no_list_nothing_is_known(read: Any, value: object) -> None:
    keys = ("extlist", "trunklist", "queues", "voicemails", "companycontacts", "ivr")
    answer = dict.fromkeys((*keys, "calls", "calllist"), value)
    try:
        found = await read(answering(answer))
    except NoListError:
        assert not isinstance(value, list)
    else:
        assert [item for item in found if item] == []


@pytest.mark.parametrize("value", NO_LISTS)
async def test_of_contacts_without_a_list_nothing_is_known(value: object) -> None:
    asked = queries.contacts(answering({"companycontacts": value}))
    if isinstance(value, list):
        assert len(await asked) == 0
    else:
        with pytest.raises(NoListError):
            await asked


@pytest.fixture
async def directory() -> Directory:
    found = Directory()
    found.extensions = {
        "1000": Extension("1000", "Jayson", None),
        "1001": Extension("1001", "", None),
    }
    found.queues = {"6700": Queue("6700", "Support", 0, 0)}
    found.ivrs = {"6500"}
    found.contacts = await queries.contacts(
        answering(
            {
                "companycontacts": [
                    {"firstname": "Ada", "lastname": "L", "mobile": "+49 171 1234567"},
                    {"company": "Bakery", "businessnum": "030 7654321"},
                    {"firstname": "Bob", "company": "Ltd", "homenum": "12"},
                    {"firstname": "", "mobile": "0301111111"},
                    {"firstname": "Kari", "businessnum": "22 33 44 55"},
                    {"firstname": "Ola", "mobile": "tel:+47-91-23-45-67"},
                ]
            }
        )
    )
    return found


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("1000", "Jayson"),
        ("1001", None),
        ("01711234567", "Ada L"),
        ("00491711234567", "Ada L"),
        ("0307654321", "Bakery"),
        ("+49307654321", "Bakery"),
        ("12", None),
        ("0301111111", None),
        ("+4722334455", "Kari"),
        ("004722334455", "Kari"),
        ("Kari N.<4722334455>", "Kari"),
        ("91234567", "Ola"),
        # The last nine digits are Ada's.
        ("0711 1234567", None),
        ("06171 1234567", None),
        ("", None),
        ("anonymous", None),
    ],
)
def test_names_are_found_however_a_number_is_written(
    directory: Directory, number: str, name: str | None
) -> None:
    assert directory.name_of(number) == name


def test_the_directory_knows_what_is_inside(directory: Directory) -> None:
    assert directory.is_inside("1000")
    assert directory.is_inside("6700")
    assert directory.answers_itself("6700")
    assert directory.answers_itself("6500")
    assert not directory.answers_itself("1000")
    assert not directory.is_inside("0307654321")
