"""Telephone numbers: what one says in whatever way it is written.

Number plans are those of ITU-T E.164 and its national annexes. Which country the PBX
is in is not known, so a number without country code is of any country it can be of.

1. Decoration goes: a name before the number, `tel:` and `sip:` with parameters and
   host, blanks, dashes, dots, slashes, brackets; digits of any script are digits. What
   then still has a letter is no number.
2. `+`, `00` and Australia's `0011` begin a full number: country code and the rest. A
   national prefix between them, as in `+49 (0)30`, goes, and so does the mark that
   Mexico and Argentina put before mobiles. A leading 0 that belongs to the number, as
   in Italy, stays.
3. Two full numbers are the same if all digits are.
4. A full number is the same as a national one if that is how it is dialed within its
   country: with the national prefix or, as some lines deliver it, without.
5. Two national numbers are the same if they are equal but for a national prefix.
6. Digits that begin with a country code, as in `4722334455`, are also read as a full
   number if they are at least nine and the rest has a length that numbers of that
   country have. Shorter ones would be taken for somebody else's national number. The
   same goes for what follows `011` (North America) and `810` (Russia).
7. With fewer than six digits after the prefix, as extensions and emergency numbers
   have, numbers are the same only if all digits are.

What cannot be known: a local number without its area code is nobody else's number. The
carrier codes that Brazil and Colombia put between prefix and number are not taken off.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
import re
from typing import Final
import unicodedata
from urllib.parse import unquote

# Fewer digits than this match only as a whole.
FEWEST_DIGITS: Final = 6
# Fewer digits than this, country code included, are not read as a full number that
# lost its `+`.
FEWEST_IN_FULL: Final = 9

# By national prefix: the country codes, and how many digits may follow one. No prefix
# at all: what is dialed within the country is all of it, a leading 0 included.
_PLANS: Final = {
    "": (
        "216:8 220:7-9 221:9 222:8 223:8 224:8-9 225:10 226:8 227:8 228:8 229:10 "
        "230:7-8 235:8 236:8 237:9 238:7 239:7 240:9 241:7-8 242:9 244:9 245:9 246:7 "
        "247:5 248:7 253:8 257:8 258:8-9 266:8 267:7-8 268:8 269:7 290:4-5 297:7 298:6 "
        "299:6 30:10 34:9 350:8 351:9 352:5-11 354:7-9 356:8 357:8 371:8 372:7-8 "
        "376:6-9 378:8-10 39:6-12 420:9 45:8 47:8 48:9 500:5 501:7 502:8 503:8 504:8 "
        "505:8 506:8 507:7-8 509:8 52:10 56:9 592:7 597:6-7 599:7-8 65:8 670:7-8 672:6 "
        "673:7 674:7 675:7-8 676:5-7 677:5-7 678:5-7 679:7 680:7 681:6 682:5 683:4-7 "
        "685:5-10 687:6 688:5-7 689:8 690:4-7 691:7 692:7 800:8 808:8 852:8 853:8 "
        "870:9-12 878:12 881:9-10 882:7-12 883:8-12 888:11 960:7 965:8 968:8 973:8 "
        "974:8 975:7-8 979:9 992:9 998:9"
    ),
    "0": (
        "20:8-10 211:9 212:9 213:8-9 218:9 231:7-9 232:8 233:9 234:10 243:7-10 249:9 "
        "250:8-9 251:9 252:6-9 254:7-9 255:9 256:9 260:9 261:9 262:9 263:9 264:8-9 "
        "265:7-9 27:9 291:7 31:9-11 32:8-9 33:9 353:7-10 355:8-9 358:5-12 359:6-9 "
        "370:8 373:8 374:8 377:8-9 380:9 381:7-12 382:8 383:8-12 385:8-9 386:8 387:8-9 "
        "389:8 40:9 41:9 421:9 423:7-9 43:5-13 44:9-10 46:7-9 49:5-15 508:6-9 51:8-9 "
        "53:8 54:10 55:10-11 57:10 58:10 590:9 591:8 593:8-9 594:9 595:7-9 596:9 598:8 "
        "60:8-10 61:9 62:8-12 63:8-10 64:8-10 66:8-9 686:5-8 81:9-10 82:8-10 84:9-10 "
        "850:8-10 855:8-9 856:8-10 86:9-11 880:8-10 886:8-9 90:10 91:10 92:9-10 93:9 "
        "94:9 95:7-10 961:7-8 962:8-9 963:8-9 964:8-10 966:9 967:7-9 970:8-9 971:8-9 "
        "972:8-9 976:8-10 977:8-10 98:10 994:9 995:9 996:9"
    ),
    "06": "36:8-9",
    "1": "1:10",
    "8": "370:8 375:9 7:10 993:8",
    "80": "375:9",
}
# Between country code and a mobile's number, and nowhere within the country.
_MOBILE_MARKS: Final = {"52": "1", "54": "9"}
_ARGENTINA: Final = "54"
# What Argentina dials for mobiles within the country, after an area code.
_ARGENTINE_MOBILE: Final = "15"
_ARGENTINE_AREAS: Final = (2, 3, 4)

# The first one first: no number begins with 11 after `00`.
_FULL_PREFIXES: Final = ("0011", "00")
_RARE_PREFIXES: Final = ("011", "810")
_LONGEST_CODE: Final = 3

_IN_BRACKETS: Final = re.compile(r"<([^<>]*)>?\s*$")
_URI: Final = re.compile(r"\s*(tel|sips?|callto):", re.IGNORECASE)
_CONTEXT: Final = re.compile(r";\s*phone-context=(\+[^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Country:
    """How numbers of one country code are built."""

    lengths: range
    prefixes: tuple[str, ...]


def _countries() -> dict[str, _Country]:
    """Return what `_PLANS` has, by country code."""
    found: dict[str, _Country] = {}
    for prefix, plans in _PLANS.items():
        for plan in plans.split():
            code, _, lengths = plan.partition(":")
            shortest, _, longest = lengths.partition("-")
            known = found.get(code)
            found[code] = _Country(
                range(int(shortest), int(longest or shortest) + 1),
                (*(known.prefixes if known else ()), *((prefix,) if prefix else ())),
            )
    return found


_COUNTRIES: Final = _countries()
# By national prefix: how many digits may follow it.
_AFTER_PREFIX: Final = {
    prefix: frozenset(
        length
        for country in _COUNTRIES.values()
        if prefix in country.prefixes
        for length in country.lengths
        if length >= FEWEST_DIGITS
    )
    for prefix in _PLANS
    if prefix
}


@dataclass(frozen=True, slots=True)
class FullNumber:
    """A number with its country code.

    Attributes:
        code: of the country, 1 to 3 digits.
        rest: what follows it, national prefix excluded.
    """

    code: str
    rest: str

    @property
    def digits(self) -> str:
        """All of it, as it follows a `+`."""
        return self.code + self.rest

    @property
    def plausible(self) -> bool:
        """Whether numbers of that country have as many digits."""
        return len(self.rest) in _COUNTRIES[self.code].lengths

    def at_home(self) -> list[str]:
        """Return how it is written within its country."""
        prefixes = _COUNTRIES[self.code].prefixes
        written = [self.rest, *(prefix + self.rest for prefix in prefixes)]
        if self.code == _ARGENTINA:
            for area in _ARGENTINE_AREAS:
                mobile = self.rest[:area] + _ARGENTINE_MOBILE + self.rest[area:]
                written += [mobile, "0" + mobile]
        return written


def plain(text: str, keep: str = "*#") -> str:
    """Return a number without what decorates it: digits, a leading `+`, `*`, `#`.

    Args:
        text: the number, perhaps with a name before it or as a URI.
        keep: signs besides digits that are part of it.

    Returns:
        "" if it is no number.
    """
    if text.isdecimal() and text.isascii():
        return text
    found = ""
    for sign in _undressed(unicodedata.normalize("NFKC", text)):
        if sign.isdecimal():
            found += str(unicodedata.decimal(sign))
        elif sign in keep or (sign == "+" and not found):
            found += sign
        elif sign.isalnum():
            return ""
    return "" if found == "+" else found


def _undressed(text: str) -> str:
    """Return what a display name or a URI is about (RFC 3261, RFC 3966)."""
    if match := _IN_BRACKETS.search(text):
        text = match[1]
    if not (match := _URI.match(text)):
        return text.partition("@")[0]
    uri = unquote(text[match.end() :])
    user, at, _ = uri.partition("@")
    number = user.partition(";")[0]
    if match[1].lower().startswith("sip"):
        # Without a user it is a host, unless a device leaves the host out.
        return number.partition(":")[0] if at or "." not in number else ""
    if "+" not in number and (context := _CONTEXT.search(uri)):
        return context[1] + number
    return number


def full_number(number: str) -> FullNumber | None:
    """Return the full number that a plain one says it is, None if it says none.

    Args:
        number: as `plain` returns it; wildcards after the country code are kept.
    """
    if number.startswith("+"):
        return _split(number[1:])
    for prefix in _FULL_PREFIXES:
        if number.startswith(prefix) and (found := _split(number[len(prefix) :])):
            return found
    return None


def _split(digits: str) -> FullNumber | None:
    """Split country code and rest, None if there is no such country code."""
    for length in range(1, _LONGEST_CODE + 1):
        if (country := _COUNTRIES.get(code := digits[:length])) is None:
            continue
        rest = digits[length:]
        mark = _MOBILE_MARKS.get(code, "")
        for prefix in (*country.prefixes, mark, "0"):
            shorter = rest.removeprefix(prefix)
            if shorter == rest:
                continue
            # No number begins with 0 in a country that dials 0 before it; other
            # digits may be both.
            if (prefix in country.prefixes and prefix.startswith("0")) or (
                len(shorter) in country.lengths
                and len(rest) not in country.lengths
                and not shorter.startswith("0")
            ):
                rest = shorter
                break
        return FullNumber(code, rest)
    return None


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a number can be.

    Attributes:
        digits: what it is for certain; equal ones are the same number.
        national: as it is dialed within a country, "" if it is dialed otherwise.
        full: the full numbers that it is, or may be.
    """

    digits: str
    national: str
    full: tuple[FullNumber, ...]


@lru_cache(maxsize=1024)
def read_number(text: str) -> Reading | None:
    """Return all that a number can be, None if the text is no number."""
    if not (number := plain(text)):
        return None
    if (full := full_number(number)) is not None:
        return Reading(full.digits, "", (full,))
    digits = number.removeprefix("+")
    if not digits.isdecimal():
        # A feature code, or a number of which a part is hidden.
        return Reading(digits, "", ())
    return Reading(digits, digits, tuple(_guesses(digits)))


def _guesses(digits: str) -> Iterator[FullNumber]:
    """Yield the full numbers that one without `+` or `00` may be."""
    for prefix in ("", *_RARE_PREFIXES):
        rest = digits[len(prefix) :]
        if digits.startswith(prefix) and len(rest) >= FEWEST_IN_FULL:
            if (full := _split(rest)) is not None and full.plausible:
                yield full


def _loose_keys(number: Reading) -> Iterator[str]:
    """Yield the keys under which a number is found by another writing of it."""
    for full in number.full:
        yield f"full {full.digits}"
        if len(full.rest) >= FEWEST_DIGITS:
            for written in full.at_home():
                yield f"home {written}"
    if number.national:
        yield f"national {number.national}"


def _loose_questions(number: Reading) -> Iterator[str]:
    """Yield the keys under which other writings of a number are found."""
    for full in number.full:
        yield f"full {full.digits}"
        if len(full.rest) >= FEWEST_DIGITS:
            for written in full.at_home():
                yield f"national {written}"
    if national := number.national:
        yield f"home {national}"
        for prefix, lengths in _AFTER_PREFIX.items():
            if len(national) in lengths:
                yield f"national {prefix}{national}"
            shorter = national.removeprefix(prefix)
            if shorter != national and len(shorter) in lengths:
                yield f"national {shorter}"


def same_number(one: str, other: str) -> bool:
    """Return True if two texts are the same number, in whatever way it is written.

    Texts that are no numbers, such as "anonymous", are the same as nothing.
    """
    first, second = read_number(one), read_number(other)
    if first is None or second is None:
        return False
    return first.digits == second.digits or not set(_loose_keys(first)).isdisjoint(
        _loose_questions(second)
    )


class NumberBook[T: Hashable]:
    """Values by telephone numbers, found in whatever way a number is written."""

    def __init__(self) -> None:
        """Start empty."""
        self._exact: dict[str, T] = {}
        self._loose: dict[str, T] = {}
        # Keys that lead to several values, so to none.
        self._ambiguous: set[str] = set()

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self._exact)

    def add(self, number: str, value: T) -> None:
        """Add a number; what is no number is left out, and the first value stays."""
        reading = read_number(number)
        if reading is None or reading.digits in self._exact:
            return
        self._exact[reading.digits] = value
        for key in _loose_keys(reading):
            if self._loose.setdefault(key, value) != value:
                self._ambiguous.add(key)

    def find(self, number: str) -> T | None:
        """Return the value of a number, None if there is none.

        The very digits win over another writing. None, too, if other writings lead to
        several values: a wrong name is worse than no name.
        """
        if (reading := read_number(number)) is None:
            return None
        if (found := self._exact.get(reading.digits)) is not None:
            return found
        keys = [key for key in _loose_questions(reading) if key in self._loose]
        values = {self._loose[key] for key in keys}
        if len(values) != 1 or not self._ambiguous.isdisjoint(keys):
            return None
        return values.pop()
