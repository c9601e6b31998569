"""A Yeastar S-Series PBX with API 2.0.0, simulated on real sockets."""

from .api import RequestRecord
from .clock import Clock, FunctionClock, ManualClock, RealClock
from .courier import SentReport
from .delivery import Delivery, Order
from .errors import ApiError, StoryError
from .faults import Fault
from .readings import Readings
from .scenarios import Kind, Story, Traffic, many_calls, story_reports
from .settings import (
    ConferenceSpec,
    ContactSpec,
    ExtensionSpec,
    GroupSpec,
    IvrSpec,
    QueueSpec,
    Settings,
    TrunkSpec,
    VoicemailSpec,
)
from .simulator import Simulator
from .truth import Outcome, Truth

__all__ = [
    "ApiError",
    "Clock",
    "ConferenceSpec",
    "ContactSpec",
    "Delivery",
    "ExtensionSpec",
    "Fault",
    "FunctionClock",
    "GroupSpec",
    "IvrSpec",
    "Kind",
    "ManualClock",
    "Order",
    "Outcome",
    "QueueSpec",
    "Readings",
    "RealClock",
    "RequestRecord",
    "SentReport",
    "Settings",
    "Simulator",
    "Story",
    "StoryError",
    "Traffic",
    "TrunkSpec",
    "Truth",
    "VoicemailSpec",
    "many_calls",
    "story_reports",
]
