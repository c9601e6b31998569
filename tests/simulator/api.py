"""Takes requests apart and hands them to the endpoints (protocol 1 to 3)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
import json
from typing import TYPE_CHECKING, Any

from .encoding import to_json
from .errors import ApiError, StoryError
from .faults import Fault, PlannedFault
from .readings import OldFirmware
from .session import Session
from .web import WebRequest, WebResponse

if TYPE_CHECKING:
    from .simulator import Simulator

PREFIX = "/api/v2.0.0/"

type Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request that the PBX got. `errno` is None if it succeeded."""

    time: float
    endpoint: str
    method: str
    body: dict[str, Any] | None
    raw: bytes
    client_ip: str
    errno: str | None
    token: str
    query: dict[str, str]
    headers: dict[str, str]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request as an endpoint sees it; scalars in `body` are strings."""

    body: dict[str, Any]
    raw: bytes
    query: dict[str, str]
    client_ip: str
    token: str
    session: Session | None

    def texts(self) -> dict[str, str]:
        """Return those parameters that are no lists or objects."""
        return {
            name: value for name, value in self.body.items() if isinstance(value, str)
        }

    def need(self, *names: str) -> None:
        """Fail unless all those parameters are there and not empty.

        Raises:
            ApiError: 10004.
        """
        for name in names:
            if self.body.get(name) in (None, ""):
                raise ApiError("10004")

    def text(self, name: str) -> str:
        """Return a parameter, "" if it is missing."""
        value = self.body.get(name, "")
        return value if isinstance(value, str) else ""

    def numbers(self, name: str, known: list[str], errno: str) -> list[str]:
        """Return a list parameter: one, several separated by commas, or `all`.

        Raises:
            ApiError: 10004 missing; `errno` for one that is not known.
        """
        self.need(name)
        text = self.text(name)
        if text == "all":
            return known
        wanted = [one.strip() for one in text.split(",") if one.strip()]
        for one in wanted:
            if one not in known:
                raise ApiError(errno)
        return wanted


type Endpoint = Callable[[Simulator, ApiCall], Answer]
# GET endpoints answer with a file.
type Download = Callable[[Simulator, ApiCall], WebResponse]

ENDPOINTS: dict[str, tuple[Endpoint, bool]] = {}
DOWNLOADS: dict[str, Download] = {}


def endpoint(name: str, *, needs_body: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Register the function that serves an endpoint.

    Args:
        name: path behind the API's prefix.
        needs_body: whether it has a required parameter.
    """

    def register(function: Endpoint) -> Endpoint:
        ENDPOINTS[name] = (function, needs_body)
        return function

    return register


def download(name: str) -> Callable[[Download], Download]:
    """Register the function that serves a file."""

    def register(function: Download) -> Download:
        DOWNLOADS[name] = function
        return function

    return register


def _parsed(raw: bytes, *, array: bool = False) -> dict[str, Any]:
    """Return the body with numbers as the strings that they were written as.

    Args:
        raw: the body.
        array: whether an empty array is taken for an empty object.

    Raises:
        ApiError: 20000, no JSON object.
    """
    try:
        body = json.loads(raw, parse_int=str, parse_float=str)
    except ValueError as error:
        raise ApiError("20000") from error
    if array and body == []:
        return {}
    if not isinstance(body, dict):
        raise ApiError("20000")
    return body


def _body_of(request: WebRequest) -> dict[str, Any] | None:
    """Return the body of a request, None if it has none that can be read."""
    try:
        return _parsed(request.body) if request.body else None
    except ApiError:
        return None


def _as_text(value: Any) -> Any:
    """Return a scalar as the string that a client should have sent."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case _:
            return value


def page(status: int, text: str) -> WebResponse:
    """Return a page of the web server."""
    body = (
        f"<HTML><HEAD><TITLE>{text}</TITLE></HEAD><BODY><H1>{text}</H1></BODY></HTML>"
    )
    return WebResponse(status=status, body=body.encode(), content_type="text/html")


class Api:
    """Serves requests for one simulator."""

    def __init__(self, sim: Simulator) -> None:
        """Serve for `sim`."""
        self.sim = sim

    async def handle(self, request: WebRequest) -> WebResponse:
        """Answer a request and put it on record."""
        if not request.path.startswith(PREFIX):
            if request.path == "/":
                return page(200, self.sim.settings.device_name)
            return page(404, "404 Not Found")
        name = request.path.removeprefix(PREFIX)
        fault = self.sim.faults.take(name, _body_of(request) or {})
        if fault is not None and not fault.handled:
            response, errno = self._spoiled(fault, WebResponse()), None
            if fault.fault is Fault.ERRNO:
                errno = fault.errno
        else:
            response, errno = self._served(name, request)
        self._record(name, request, errno, fault)
        if fault is not None and fault.handled:
            if fault.fault is Fault.SLOW and fault.seconds is not None:
                await self.sim.clock.sleep(fault.seconds)
            else:
                response = self._spoiled(fault, response)
        return response

    def _record(
        self,
        name: str,
        request: WebRequest,
        errno: str | None,
        fault: PlannedFault | None,
    ) -> None:
        self.sim.note_request(
            RequestRecord(
                time=self.sim.clock.now(),
                endpoint=name,
                method=request.method,
                body=_body_of(request),
                raw=request.body,
                client_ip=request.client_ip,
                errno=errno,
                token=request.query.get("token", ""),
                query=request.query,
                headers=request.headers,
                fault=fault.fault if fault else None,
            )
        )

    def _spoiled(self, plan: PlannedFault, whole: WebResponse) -> WebResponse:
        match plan.fault:
            case Fault.HTML:
                return page(200, "Loading...")
            case Fault.EMPTY:
                return WebResponse()
            case Fault.HALF:
                half = whole.size // 2
                if whole.sound is not None:
                    return replace(whole, end_after=half)
                return replace(whole, body=whole.body[:half])
            case Fault.GARBAGE:
                return WebResponse(body=bytes(range(128, 256)))
            case Fault.NOT_OBJECT:
                return WebResponse(body=b'["Success"]')
            case Fault.SLOW:
                return WebResponse(silent=True)
            case Fault.STALL:
                return replace(whole, stall_after=whole.size // 2)
            case Fault.CUT:
                return replace(whole, cut_after=whole.size // 2)
            case Fault.DRIP:
                seconds = plan.seconds or 1.0
                return replace(whole, pause=lambda: self.sim.clock.sleep(seconds))
            case Fault.RESET:
                return WebResponse(reset=True)
            case Fault.HTTP_404:
                return page(404, "404 Not Found")
            case Fault.HTTP_500:
                return page(500, "500 Internal Server Error")
            case Fault.HTTP_504:
                return page(504, "504 Gateway Timeout")
            case Fault.REDIRECT:
                return WebResponse(
                    status=302,
                    content_type="text/html",
                    headers=(("Location", plan.location),),
                )
            case Fault.ERRNO:
                return self._answer({"status": "Failed", "errno": plan.errno})
            case Fault.BARE:
                return self._answer({"status": "Success"})

    def _answer(self, answer: Answer) -> WebResponse:
        text = to_json(answer, self.sim.readings)
        return WebResponse(body=text.encode())

    def _served(self, name: str, request: WebRequest) -> tuple[WebResponse, str | None]:
        if (
            self.sim.settings.old_firmware
            and self.sim.readings.old_firmware_answer is OldFirmware.HTTP_404
        ):
            return page(404, "404 Not Found"), None
        try:
            response = self._dispatched(name, request)
        except ApiError as error:
            answer = {"status": "Failed", "errno": error.errno}
            return self._answer(answer), error.errno
        except StoryError:
            # A member that is not connected, or a step that does not fit the call.
            return self._answer({"status": "Failed", "errno": "10015"}), "10015"
        return response, None

    def _dispatched(self, name: str, request: WebRequest) -> WebResponse:
        settings = self.sim.settings
        if settings.old_firmware or name in settings.missing_endpoints:
            raise ApiError("10003")
        if self.sim.sessions.refuses(request.client_ip):
            raise ApiError("20002")
        if request.method == "GET" and name in DOWNLOADS:
            return DOWNLOADS[name](self.sim, self._call(request, {}))
        if request.method != "POST":
            raise ApiError("20001")
        if name not in ENDPOINTS:
            raise ApiError("10003")
        function, needs_body = ENDPOINTS[name]
        body: dict[str, Any] = {}
        if request.body.strip():
            body = _parsed(request.body, array=self.sim.readings.array_body)
        call = self._call(request, body, with_token=name != "login")
        if needs_body and not body:
            raise ApiError(self.sim.readings.missing_body.value)
        answer = function(self.sim, call)
        return self._answer({"status": "Success", **answer})

    def _call(
        self, request: WebRequest, body: dict[str, Any], *, with_token: bool = True
    ) -> ApiCall:
        token = request.query.get("token", "")
        return ApiCall(
            body={name: _as_text(value) for name, value in body.items()},
            raw=request.body,
            query=request.query,
            client_ip=request.client_ip,
            token=token,
            session=self.sim.sessions.use(token) if with_token else None,
        )
