"""What a maintainer needs to solve a report: counts and states, no secrets."""

from collections import Counter
import time
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_USERNAME, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant

from .const import CONF_BASE_URL, CONF_FINGERPRINT
from .coordinator import YeastarConfigEntry

_SECRET = {
    CONF_BASE_URL,
    CONF_FINGERPRINT,
    CONF_HOST,
    CONF_PASSWORD,
    CONF_USERNAME,
    CONF_WEBHOOK_ID,
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: YeastarConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of a PBX; of one that cannot be reached, what there is."""
    kept = async_redact_data(
        {"data": dict(entry.data), "options": dict(entry.options)}, _SECRET
    )
    if entry.state is not ConfigEntryState.LOADED:
        return {
            "entry": kept,
            "state": entry.state.value,
            "reason": entry.error_reason_translation_key,
        }
    coordinator = entry.runtime_data
    client = coordinator.client
    target = client.announced
    board = coordinator.switchboard
    history = coordinator.history
    last_report = board.delivery.last_report_at
    return {
        "entry": kept,
        "pbx": {
            "model": coordinator.data.name,
            "firmware": coordinator.data.firmware,
            "hardware": coordinator.data.hardware,
            "system_time": coordinator.data.system_time,
            "zone": str(coordinator.clock.zone),
            "clock_fast_by": coordinator.clock.drift.total_seconds(),
        },
        "session": {
            "connected": coordinator.last_update_success,
            "last_problem": type(coordinator.last_exception).__name__
            if coordinator.last_exception
            else None,
            "sessions_opened": client.session_number,
            "report_method": client.report_method,
            "counts": dict(client.counts),
            "target": {
                "absolute": target.absolute,
                "port": target.port,
                "https": target.url.startswith("https://"),
                "address_known": target.address is not None,
            }
            if target
            else None,
        },
        "webhook": dict(coordinator.receiver.counts),
        "reports": {
            "by_type": dict(board.reports),
            "delivery": board.delivery.state,
            "delivery_failures": board.delivery.failures,
            "delivery_history": [
                {"at": at.isoformat(), "state": state}
                for at, state in board.delivery.history
            ],
            "last_at": last_report.isoformat() if last_report else None,
        },
        "calls": {
            "active": board.calls.active_count,
            "told": dict(board.told),
            "observed": dict(sorted(board.calls.observed.items())),
            "call_log": {
                "checked_until": history.told.checked_until.isoformat(),
                "told_remembered": len(history.told),
                "ids_are_times": history.ids_are_times,
                "reads": coordinator.catch_up.log_reads,
                "last_problem": coordinator.catch_up.log_problem,
                "unreadable_records": coordinator.catch_up.log_unreadable,
            },
        },
        "objects": {
            "extensions": dict(
                Counter(str(e.status) for e in board.directory.extensions.values())
            ),
            "trunks": dict(
                Counter(f"{t.kind}: {t.detail}" for t in board.picture.trunks.values())
            ),
            "queues": len(board.directory.queues),
            "ivrs": len(board.directory.ivrs),
            "contacts": len(board.directory.contacts),
        },
        "poll_plan": coordinator.plan.as_dict(time.monotonic()),
        "failing_polls": dict(coordinator.plan.failing),
    }
