"""File downloads: records, recordings, messages (protocol 6.10, 6.11)."""

from collections.abc import Mapping
import csv
import io
import ipaddress
from typing import TYPE_CHECKING

from .api import Answer, ApiCall, download, endpoint
from .encoding import Report, to_json
from .errors import ApiError
from .readings import BadDownload, LogRows, NoRecords
from .sound import Sound
from .state import Voicemail
from .web import WebResponse

if TYPE_CHECKING:
    from .simulator import Simulator

# Seconds that a `random` lives.
RANDOM_LIFE = 30.0
TIME_FORM = "0000-00-00 00:00:00"
# CSV column and the key of NewCdr behind it.
COLUMNS = {
    "callid": "callid",
    "timestart": "timestart",
    "callfrom": "callfrom",
    "callto": "callto",
    "callduraction": "callduraction",
    "talkduraction": "talkduraction",
    "srctrunkname": "srctrunkname",
    "dsttrunkname": "dsttrcunkname",
    "status": "status",
    "type": "type",
    "pincode": "pincode",
    "recording": "recording",
    "didnumber": "didnumber",
    "sn": "sn",
}


def _check_time(text: str) -> None:
    """Fail unless `text` is `yyyy-mm-dd hh:mm:ss`.

    Raises:
        ApiError: 20019.
    """
    form = "".join("0" if one.isdigit() else one for one in text)
    if form != TIME_FORM:
        raise ApiError("20019")


def _random(sim: Simulator, call: ApiCall, wanted: dict[str, str]) -> str:
    """Return a random string that opens what is wanted once.

    Raises:
        ApiError: 20015, `allowedip` is no address.
    """
    allowed = call.text("allowedip") or call.client_ip
    try:
        ipaddress.ip_address(allowed)
    except ValueError as error:
        raise ApiError("20015") from error
    text = f"{sim.source.getrandbits(64):016x}"
    sim.randoms[text] = (sim.clock.now() + RANDOM_LIFE, allowed, wanted)
    return text


def _opened(sim: Simulator, call: ApiCall, errno: str, names: list[str]) -> None:
    """Use up the random string of a download.

    Raises:
        ApiError: `errno`, it does not open what is asked for.
    """
    entry = sim.randoms.pop(call.query.get("random", ""), None)
    if entry is None:
        raise ApiError(errno)
    until, allowed, wanted = entry
    asked = {name: call.query.get(name, "") for name in names}
    if sim.clock.now() > until or allowed != call.client_ip or asked != wanted:
        raise ApiError(errno)


def _refusal(sim: Simulator, error: ApiError) -> WebResponse:
    match sim.readings.bad_download:
        case BadDownload.HTTP_404:
            return WebResponse(status=404, content_type="text/html")
        case BadDownload.EMPTY:
            return WebResponse(content_type="application/octet-stream")
        case _:
            answer = {"status": "Failed", "errno": error.errno}
            return WebResponse(body=to_json(answer, sim.readings).encode())


def _sound(sim: Simulator, name: str) -> WebResponse:
    """Return a file of the size that was set for it."""
    size = sim.sounds.get(name, sim.settings.sound_size)
    return WebResponse(
        sound=Sound(size, sim.settings.sound_finished),
        content_type=sim.settings.sound_type,
    )


# --- records ---


@endpoint("cdr/get_random", needs_body=True)
def cdr_random(sim: Simulator, call: ApiCall) -> Answer:
    """Prepare the download of call records."""
    call.need("number", "starttime", "endtime")
    wanted = {name: call.text(name) for name in ("number", "starttime", "endtime")}
    _check_time(wanted["starttime"])
    _check_time(wanted["endtime"])
    if sim.readings.no_records is NoRecords.AT_RANDOM:
        _records(sim, wanted)
    return {**wanted, "random": _random(sim, call, wanted)}


@download("cdr/download")
def cdr_download(sim: Simulator, call: ApiCall) -> WebResponse:
    """Return call records as CSV."""
    try:
        _opened(sim, call, "20020", ["number", "starttime", "endtime"])
        rows = _records(sim, call.query)
    except ApiError as error:
        return _refusal(sim, error)
    lines = [_line(list(COLUMNS))]
    for row in rows:
        values = [str(row.get(key, "")) for key in COLUMNS.values()]
        lines.append(_odd_line(sim, values) if is_odd(sim, row) else _line(values))
    return WebResponse(
        body="".join(lines).encode(),
        content_type="application/octet-stream",
        headers=(("Content-Disposition", "attachment; filename=cdr.csv"),),
    )


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def is_odd(sim: Simulator, row: Report) -> bool:
    """Tell whether a record's row in the file is one that cannot be read."""
    number = str(row["callid"]).rpartition(".")[2]
    return sim.readings.log_rows is not LogRows.PLAIN and number.endswith("3")


def _odd_line(sim: Simulator, values: list[str]) -> str:
    """Return a row as a PBX would write it that knows no CSV."""
    callid, began, caller, *rest = values
    match sim.readings.log_rows:
        case LogRows.COMMA:
            caller = f"Doe, Jane <{caller}>"
        case LogRows.LONE_QUOTE:
            caller = f'19" rack <{caller}>'
        case LogRows.OTHER_TIME:
            began = began.replace("-", "/")
    return ",".join([callid, began, caller, *rest]) + "\r\n"


def _records(sim: Simulator, asked: Mapping[str, str]) -> list[Report]:
    """Return the records asked for.

    Raises:
        ApiError: 20021, there are none.
    """
    wanted = asked.get("number", "")
    numbers = None if wanted == "all" else set(wanted.split(","))
    start, end = asked["starttime"], asked["endtime"]
    rows = [
        row
        for row in sim.pbx.cdrs
        if start <= str(row["timestart"]) <= end
        and (numbers is None or numbers & _parties(row))
    ]
    if not rows and sim.readings.no_records is not NoRecords.HEADER_ONLY:
        raise ApiError("20021")
    return rows


def _parties(row: Report) -> set[str]:
    parties = {str(row["callfrom"])}
    group, _, extension = str(row["callto"]).partition("(")
    return parties | {group, extension.rstrip(")")}


# --- recordings ---


@endpoint("recording/get_random", needs_body=True)
def recording_random(sim: Simulator, call: ApiCall) -> Answer:
    """Prepare the download of a recording."""
    call.need("recording")
    name = call.text("recording")
    if name not in sim.pbx.recordings:
        raise ApiError("20014")
    return {"recording": name, "random": _random(sim, call, {"recording": name})}


@download("recording/download")
def recording_download(sim: Simulator, call: ApiCall) -> WebResponse:
    """Return a recording."""
    try:
        _opened(sim, call, "20012", ["recording"])
    except ApiError as error:
        return _refusal(sim, error)
    return _sound(sim, call.query["recording"])


# --- messages ---

_MESSAGE = ("number", "voicemailfile", "voicemailstatus")


def _message(sim: Simulator, call: ApiCall) -> Voicemail:
    call.need(*_MESSAGE)
    number, file, status = (call.text(name) for name in _MESSAGE)
    if number not in sim.pbx.extensions:
        raise ApiError("10006")
    if status not in {"read", "unread"}:
        raise ApiError("20016")
    for message in sim.pbx.voicemails.get(number, []):
        if message.file == file and message.read == (status == "read"):
            return message
    raise ApiError("20018")


@endpoint("voicemail/get_random", needs_body=True)
def voicemail_random(sim: Simulator, call: ApiCall) -> Answer:
    """Prepare the download of a message."""
    _message(sim, call)
    wanted = {name: call.text(name) for name in _MESSAGE}
    return {"random": _random(sim, call, wanted)}


@download("voicemail/download")
def voicemail_download(sim: Simulator, call: ApiCall) -> WebResponse:
    """Return a message."""
    try:
        _opened(sim, call, "20017", list(_MESSAGE))
    except ApiError as error:
        return _refusal(sim, error)
    return _sound(sim, call.query["voicemailfile"])


@endpoint("voicemail/delete", needs_body=True)
def voicemail_delete(sim: Simulator, call: ApiCall) -> Answer:
    """Delete a message."""
    message = _message(sim, call)
    sim.pbx.voicemails[call.text("number")].remove(message)
    return {}
