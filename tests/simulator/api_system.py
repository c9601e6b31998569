"""Session and device endpoints (protocol 2 and 6.1)."""

from typing import TYPE_CHECKING

from .api import Answer, ApiCall, endpoint

if TYPE_CHECKING:
    from .simulator import Simulator


@endpoint("login", needs_body=True)
def login(sim: Simulator, call: ApiCall) -> Answer:
    """Open a session."""
    token = sim.sessions.login(call.client_ip, call.texts())
    return {"token": token, "transport": sim.settings.transport}


@endpoint("heartbeat")
def heartbeat(sim: Simulator, call: ApiCall) -> Answer:
    """Extend a session and set where its reports go."""
    assert call.session is not None
    sim.sessions.heartbeat(call.session, call.texts())
    return {}


@endpoint("logout")
def logout(sim: Simulator, call: ApiCall) -> Answer:
    """End a session."""
    sim.sessions.logout(call.token)
    return {}


@endpoint("deviceinfo/query")
def deviceinfo(sim: Simulator, call: ApiCall) -> Answer:
    """Tell what device this is."""
    settings, pbx = sim.settings, sim.pbx
    info = {"devicename": settings.device_name, "sn": settings.serial}
    if settings.hardware_version is not None:
        info["hardwarever"] = settings.hardware_version
    added = len(pbx.extensions)
    total = settings.maximum_extensions
    if sim.readings.registered_in_extension_status:
        added = sum(one.registered or one.is_fxs for one in pbx.extensions.values())
        total = len(pbx.extensions)
    info |= {
        "firmwarever": settings.firmware,
        "systemtime": f"{pbx.local_text()} {zone_text(sim)}",
        "uptime": uptime_text(pbx.now() - pbx.booted_at),
        "extensionstatus": f"{added}/{total}",
    }
    return {"deviceinfo": info}


def zone_text(sim: Simulator) -> str:
    """Return the `UTC±h` text of `systemtime`; half hours as `UTC+5:30`."""
    if sim.readings.bare_utc:
        return "UTC"
    offset = sim.pbx.utc_offset()
    if sim.readings.utc_sign_reversed:
        offset = -offset
    hours, minutes = divmod(round(abs(offset) * 60), 60)
    sign = "-" if offset < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")


def uptime_text(seconds: float) -> str:
    """Return `HH:MM:SS`, beyond a day `3days 03:57:42`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days}days {clock}" if days else clock
