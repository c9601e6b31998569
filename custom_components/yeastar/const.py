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

# Fields of the actions.
ATTR_AUTO_ANSWER: Final = "auto_answer"
ATTR_CALL_ID: Final = "call_id"
ATTR_COUNT: Final = "count"
ATTR_DIAL_PERMISSION: Final = "dial_permission"
ATTR_DIRECTION: Final = "direction"
ATTR_END: Final = "end"
ATTR_EXTENSION: Final = "extension"
ATTR_LIMIT: Final = "limit"
ATTR_MESSAGE: Final = "message"
ATTR_NUMBER: Final = "number"
ATTR_OFFSET: Final = "offset"
ATTR_OPERATION: Final = "operation"
ATTR_OUTCOME: Final = "outcome"
ATTR_PASSWORD: Final = "password"
ATTR_PROMPTS: Final = "prompts"
ATTR_QUEUE: Final = "queue"
ATTR_START: Final = "start"
ATTR_TRUNK: Final = "trunk"
ATTR_VOLUME: Final = "volume"
