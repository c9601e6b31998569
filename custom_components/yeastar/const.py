"""Names and numbers that several files share."""

from datetime import timedelta
from typing import Final

DOMAIN: Final = "yeastar"
MANUFACTURER: Final = "Yeastar"

CONF_BASE_URL: Final = "base_url"
CONF_FINGERPRINT: Final = "fingerprint"
CONF_MASK_NUMBERS: Final = "mask_numbers"
CONF_CATCH_UP: Final = "catch_up"
CONF_DOOR_STATIONS: Final = "door_stations"

# api-requests.html: the PBX's web port, HTTPS by default.
DEFAULT_PORT: Final = 8088

EVENT_REPORT: Final = "yeastar_event"
EVENT_CALL: Final = "yeastar_call"

HEARTBEAT_INTERVAL: Final = timedelta(minutes=5)
