"""Recordings and voicemail in Home Assistant's media browser.

PBX → recordings → day → extension → recording; PBX → voicemail → extension →
message.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, override

from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .media.library import Recording, is_plain
from .media.names import MessageItem, RecordingItem, parse_day, parse_item
from .media.view import MIME_TYPE, MediaView, find, loaded_entry
from .pbx.errors import PbxError
from .pbx.voicemail import Message

# Whether a day has recordings is only known after asking, so all are shown.
DAYS: Final = 31
RECORDINGS: Final = "recordings"
VOICEMAILS: Final = "voicemails"
EVERYBODY: Final = "all"


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Set up the media source, once for all PBXs."""
    hass.http.register_view(MediaView(hass))
    return YeastarMediaSource(hass)


class YeastarMediaSource(MediaSource):
    """What there is to hear of all PBXs."""

    name = "Yeastar PBX"

    def __init__(self, hass: HomeAssistant) -> None:
        """Serve all entries."""
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return where something can be heard, if it is still there.

        Raises:
            Unresolvable: there is no such thing, or the PBX cannot be asked now.
        """
        entry_id, _, name = item.identifier.partition("/")
        entry = loaded_entry(self._hass, entry_id)
        if entry is None:
            raise Unresolvable(
                translation_domain=DOMAIN, translation_key="media_pbx_not_connected"
            )
        try:
            wanted = parse_item(name)
        except ValueError as error:
            raise Unresolvable(
                translation_domain=DOMAIN, translation_key="media_not_found"
            ) from error
        try:
            found = await find(entry, wanted)
        except PbxError as error:
            raise Unresolvable(
                translation_domain=DOMAIN, translation_key="media_pbx_silent"
            ) from error
        if found is None:
            raise Unresolvable(
                translation_domain=DOMAIN, translation_key="media_not_found"
            )
        return PlayMedia(f"/api/yeastar/media/{entry_id}/{wanted}", MIME_TYPE)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Return a folder.

        Raises:
            BrowseError: there is none such, or the PBX cannot be asked now.
        """
        if not item.identifier:
            return self._root()
        entry_id, *path = item.identifier.split("/")
        entry = loaded_entry(self._hass, entry_id)
        if entry is None:
            raise BrowseError(
                translation_domain=DOMAIN, translation_key="media_pbx_not_connected"
            )
        translations = await async_get_translations(
            self._hass, self._hass.config.language, "common", [DOMAIN]
        )
        shelf = _Shelf(entry, translations)
        try:
            folder = await shelf.folder(path)
        except PbxError as error:
            raise BrowseError(
                translation_domain=DOMAIN, translation_key="media_pbx_silent"
            ) from error
        if folder is None:
            raise BrowseError(
                translation_domain=DOMAIN, translation_key="media_not_found"
            )
        return folder

    def _root(self) -> BrowseMediaSource:
        """Return the PBXs that are connected."""
        return _folder(
            None,
            "Yeastar PBX",
            (
                _folder(entry.entry_id, entry.title)
                for entry in self._hass.config_entries.async_loaded_entries(DOMAIN)
            ),
        )


class _Shelf:
    """The folders of one PBX."""

    def __init__(self, entry: YeastarConfigEntry, translations: dict[str, str]) -> None:
        """Serve one entry."""
        self._entry = entry
        self._coordinator: YeastarCoordinator = entry.runtime_data
        self._library = self._coordinator.library
        self._board = self._coordinator.switchboard
        self._translations = translations

    async def folder(self, path: list[str]) -> BrowseMediaSource | None:
        """Return a folder, None if there is none such.

        Raises:
            PbxError: the PBX cannot be asked now.
        """
        match path:
            case []:
                return self._pbx()
            case [kind] if kind == RECORDINGS:
                return self._days()
            case [kind, day] if kind == RECORDINGS and (parsed := _day(day)):
                return self._day(parsed, await self._library.recordings(parsed))
            case [kind, day, number] if kind == RECORDINGS and (parsed := _day(day)):
                recordings = await self._library.recordings(parsed)
                return self._recordings(parsed, number, recordings)
            case [kind] if kind == VOICEMAILS:
                return self._boxes(await self._library.messages())
            case [kind, number] if kind == VOICEMAILS and is_plain(number):
                return self._box(number, await self._library.messages(number))
        return None

    def _pbx(self) -> BrowseMediaSource:
        return _folder(
            self._entry.entry_id,
            self._entry.title,
            (
                _folder(self._id(RECORDINGS), self._text(RECORDINGS)),
                _folder(self._id(VOICEMAILS), self._text(VOICEMAILS)),
            ),
        )

    def _days(self) -> BrowseMediaSource:
        today = dt_util.now().date()
        days = (today - timedelta(days=ago) for ago in range(DAYS))
        return _folder(
            self._id(RECORDINGS),
            self._text(RECORDINGS),
            (_folder(self._id(RECORDINGS, day), day.isoformat()) for day in days),
        )

    def _day(self, day: date, recordings: list[Recording]) -> BrowseMediaSource:
        numbers = sorted(
            {
                number
                for recording in recordings
                for number in recording.call.extensions
                if is_plain(number)
            }
        )
        folders = [
            _folder(self._id(RECORDINGS, day, number), self._extension(number))
            for number in numbers
        ]
        if recordings:
            everything = _folder(
                self._id(RECORDINGS, day, EVERYBODY), self._text("all")
            )
            folders.insert(0, everything)
        return _folder(self._id(RECORDINGS, day), day.isoformat(), folders)

    def _recordings(
        self, day: date, number: str, recordings: list[Recording]
    ) -> BrowseMediaSource:
        return _folder(
            self._id(RECORDINGS, day, number),
            self._text("all") if number == EVERYBODY else self._extension(number),
            (
                _sound(
                    self._id(
                        RecordingItem(day, recording.call.call_id, recording.index)
                    ),
                    self._title(recording),
                )
                for recording in reversed(recordings)
                if number == EVERYBODY or number in recording.call.extensions
            ),
        )

    def _boxes(self, messages: list[Message]) -> BrowseMediaSource:
        numbers = sorted({message.number for message in messages})
        return _folder(
            self._id(VOICEMAILS),
            self._text(VOICEMAILS),
            (
                _folder(self._id(VOICEMAILS, number), self._extension(number))
                for number in numbers
            ),
        )

    def _box(self, number: str, messages: list[Message]) -> BrowseMediaSource:
        newest_first = sorted(messages, key=lambda one: one.date, reverse=True)
        return _folder(
            self._id(VOICEMAILS, number),
            self._extension(number),
            (
                _sound(
                    self._id(MessageItem(number, self._library.key(message))),
                    self._message(message),
                )
                for message in newest_first
            ),
        )

    def _id(self, *parts: object) -> str:
        """Return the identifier of something of this PBX."""
        return "/".join((self._entry.entry_id, *map(str, parts)))

    def _text(self, key: str) -> str:
        """Return a text in the user's language."""
        return self._translations[f"component.{DOMAIN}.common.media_{key}"]

    def _extension(self, number: str) -> str:
        """Return how an extension is called."""
        return f"{number} {self._board.directory.name_of(number) or ''}".strip()

    def _title(self, recording: Recording) -> str:
        """Return when a recorded call was, between whom, and how long."""
        call = recording.call
        parts = [self._party(call.caller_number, call.caller_name)]
        if taker := call.answered_by or call.called_number:
            parts.append(self._party(taker, self._name(taker)))
        title = " → ".join(parts)
        if call.started_at is not None:
            title = f"{dt_util.as_local(call.started_at):%H:%M:%S} {title}"
        if call.talk_seconds is not None:
            title += f", {_length(call.talk_seconds)}"
        return f"{title} ({recording.index + 1})" if recording.index else title

    def _message(self, message: Message) -> str:
        """Return when a message was left, by whom, and how long it is."""
        shown = self._board.shown_number(message.sender)
        title = self._party(shown, self._name(message.sender))
        if (left_at := self._library.left_at(message)) is not None:
            title = f"{dt_util.as_local(left_at):%Y-%m-%d %H:%M:%S} {title}"
        if message.seconds is not None:
            title += f", {_length(message.seconds)}"
        return f"{title}, {self._text('unread')}" if message.unread else title

    def _name(self, number: str) -> str | None:
        return self._board.directory.name_of(number)

    def _party(self, number: str | None, name: str | None) -> str:
        """Return who somebody is, as far as it is known."""
        if name and number and self._board.directory.is_extension(number):
            return f"{number} {name}"
        if name and number and name != number:
            return f"{name} ({number})"
        return name or number or self._text("unknown")


def _folder(
    identifier: str | None,
    title: str,
    children: Iterable[BrowseMediaSource] | None = None,
) -> BrowseMediaSource:
    """Return something to open; without children it is not opened yet."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.DIRECTORY,
        media_content_type="",
        title=title,
        can_play=False,
        can_expand=True,
        children=None if children is None else list(children),
    )


def _sound(identifier: str, title: str) -> BrowseMediaSource:
    """Return something to hear."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.MUSIC,
        media_content_type=MIME_TYPE,
        title=title,
        can_play=True,
        can_expand=False,
    )


def _day(text: str) -> date | None:
    """Return a day, None if it is none."""
    try:
        return parse_day(text)
    except ValueError:
        return None


def _length(seconds: int) -> str:
    """Return minutes and seconds."""
    return f"{seconds // 60}:{seconds % 60:02}"
