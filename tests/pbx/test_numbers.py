"""Telephone numbers are the same in whatever way they are written, and only then."""

from dataclasses import dataclass

from hypothesis import assume, given, settings, strategies as st
import pytest

from custom_components.yeastar.pbx.numbers import NumberBook, plain, same_number

by_hypothesis = settings(deadline=None, derandomize=True, max_examples=300)

# One number of a country in all its writings: each is the same as each other one.
WRITINGS = [
    # Norway, Denmark, Singapore, Hong Kong: eight digits, nothing before them.
    ["22 33 44 55", "+47 22 33 44 55", "00 47 22 33 44 55", "4722334455"],
    ["32 12 34 56", "+4532123456", "004532123456", "+45 (0)32 12 34 56"],
    ["6123 4567", "+65 6123-4567", "006561234567", "6561234567"],
    ["2123 4567", "+852 2123 4567", "0085221234567", "85221234567"],
    # Germany, Austria, Switzerland, France, the United Kingdom: a 0.
    [
        "0171 5551234",
        "171 5551234",
        "+49 171/555-12-34",
        "0049 (0)171 5551234",
        "+4901715551234",
    ],
    ["030 123456", "+49 (0)30 123456", "tel:+49-30-123456", "4930123456"],
    ["01 5880012345", "+43 (0)1 5880012345", "004315880012345", "0043 1 5880012345"],
    ["044 668 18 00", "+41 44 668 18 00", "41446681800", "sip:+41446681800@10.0.0.1"],
    ["01 23 45 67 89", "+33 1 23 45 67 89", "0033 (0)1.23.45.67.89", "33123456789"],
    ["(020) 7946 0123", "+44 (0) 20 7946 0123", "442079460123", "011442079460123"],
    # Italy: the 0 belongs to the number, and a mobile has none.
    ["06 6982 1234", "+39 06 6982 1234", "00390669821234", "390669821234"],
    ["347 123 4567", "+39 347 1234567", "00393471234567", "393471234567"],
    # Spain, Estonia, Iceland, Malta, Poland, Greece: nothing before.
    ["612 34 56 78", "+34 612 345 678", "0034612345678", "34612345678"],
    ["5123 4567", "+372 5123 4567", "0037251234567", "37251234567"],
    ["581 2345", "+354 581 2345", "003545812345", "3545812345"],
    ["2122 3344", "+356 2122 3344", "0035621223344", "35621223344"],
    ["22 123 45 67", "+48 22 123 45 67", "0048221234567", "48221234567"],
    ["21 2345 6789", "+30 21 2345 6789", "00302123456789", "302123456789"],
    # North America: a 1, which is the country code, too.
    ["(212) 555-0100", "+1 (212) 555-0100", "1.212.555.0100", "0012125550100"],
    # Russia: an 8; its full number without + begins with 7.
    ["8 (495) 123-45-67", "+7 495 123 45 67", "74951234567", "+7 (8) 495 1234567"],
    ["8 812 123 45 67", "+7 812 123 45 67", "0078121234567", "78121234567"],
    # Hungary: 06.
    ["06 20 123 4567", "+36 20 123 4567", "+36 (06) 20 123 4567", "36201234567"],
    ["06 1 234 5678", "+36 1 234 5678", "003612345678", "3612345678"],
    # Belarus: 80, or 8 and a second tone.
    ["8 801 123 45 67", "+375 801 123 45 67"],
    ["8 029 123 45 67", "+375 29 123 45 67", "00375291234567", "375291234567"],
    # China, Brazil, Australia, India, Japan, South Africa.
    ["010 6512 3456", "+86 10 6512 3456", "00861065123456", "861065123456"],
    ["138 0013 8000", "+86 138 0013 8000", "8613800138000"],
    ["(011) 98765-4321", "+55 11 98765-4321", "5511987654321"],
    ["(02) 9876 5432", "+61 2 9876 5432", "0011 61 2 9876 5432", "61298765432"],
    ["098765 43210", "+91 98765 43210", "919876543210"],
    ["03-1234-5678", "+81 3-1234-5678", "81312345678"],
    ["011 123 4567", "+27 11 123 4567", "27111234567"],
    # Argentina and Mexico mark mobiles.
    ["011 15-2345-6789", "+54 9 11 2345-6789"],
    ["55 1234 5678", "+52 1 55 1234 5678", "+52 55 1234 5678"],
    # Benin: since 2024 a number begins with 01.
    ["01 95 12 34 56", "+229 01 95 12 34 56", "2290195123456"],
    # A name before it, URIs, parameters, other signs and digits.
    [
        "+61400000000",
        "Some Body<+61400000000>",
        '"Body, S." <sip:+61400000000;phone-context=x@192.168.1.9:5060;user=phone>',
        "<tel:0400-000-000;phone-context=+61>",
        "tel:%2B61%20400%20000%20000",
        "sips:+61400000000:secret@pbx.example",
        "0400000000@pbx.example",
        "\uff0b\uff16\uff11 400\u00a0000\u2011000\u200e",
        "+\u0666\u0661\u0664\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660",
    ],
    ["1001", "sip:1001@192.168.1.9", "sip:1001", "Ada <1001>"],
    ["112", "tel:112"],
]


@pytest.mark.parametrize("writings", WRITINGS, ids=lambda writings: writings[0])
def test_a_number_is_the_same_in_all_its_writings(writings: list[str]) -> None:
    for one in writings:
        for other in writings:
            assert same_number(one, other), (one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The last nine digits are the same.
        ("0221 4712345", "06221 4712345"),
        ("+49 171 5551234", "+43 171 5551234"),
        ("+1 212 555 0100", "+44 2125 550100"),
        ("004930123456", "004330123456"),
        ("0171 5551234", "0271 5551234"),
        # Other digits in front, or one less.
        ("22334455", "22334456"),
        ("+4722334455", "+4622334455"),
        ("+4722334455", "2334455"),
        ("+4722334455", "022334455"),
        ("22334455", "82334455"),
        # Düsseldorf and Mannheim: 0 is a prefix here, 06 in Hungary.
        ("0211 234567", "0621 1234567"),
        # The Italian 0 is a part of the number.
        ("+39 06 6982 1234", "6 6982 1234"),
        ("+39 06 6982 1234", "+39 6 6982 1234"),
        # No prefix here.
        ("+34 612345678", "0612345678"),
        ("+33 612345678", "8612345678"),
        ("+7 495 1234567", "0495 1234567"),
        ("+36 20 1234567", "0201234567"),
        # An Indian mobile that begins with India's code, and the rest of it.
        ("91987 65432", "98765432"),
        # Brazil's area 55, and a number without its area code.
        ("55 98765-4321", "98765-4321"),
        # Inside numbers and emergency numbers are whole.
        ("1001", "11001"),
        ("1001", "01001"),
        ("112", "+49112"),
        ("110", "0110"),
        ("201", "+47201"),
        ("12345", "+4912345"),
        ("*67 0301234567", "0301234567"),
        # What is no number.
        ("anonymous", "anonymous"),
        ("", ""),
        ("+", "+"),
        ("Ada 0301234567", "0301234567"),
        ("sip:192.168.1.9", "19216819"),
        ("sip:alice@192.168.1.9", "19216819"),
    ],
)
def test_other_numbers_are_not_taken_for_it(one: str, other: str) -> None:
    assert not same_number(one, other)
    assert not same_number(other, one)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 (212) 555-0100", "+12125550100"),
        ("*21*0171 555#", "*21*0171555#"),
        ("Ada<1001>", "1001"),
        ("Ada<1001", "1001"),
        ("49+171", "49171"),
        ("anonymous", ""),
        ("+", ""),
    ],
)
def test_a_number_is_freed_of_what_decorates_it(text: str, number: str) -> None:
    assert plain(text) == number


@dataclass(frozen=True)
class Plan:
    """How numbers of a country are written."""

    code: str
    prefix: str
    first: str
    digits: int

    @property
    def numbers(self) -> st.SearchStrategy[str]:
        """The numbers, without anything before them."""
        return st.tuples(
            st.sampled_from(self.first),
            st.text("0123456789", min_size=self.digits - 1, max_size=self.digits - 1),
        ).map("".join)

    def writings(self, number: str) -> st.SearchStrategy[str]:
        """The ways to write a number."""
        begin = st.sampled_from(
            [
                self.prefix,
                f"+{self.code}",
                f"00{self.code}",
                self.code,
                *([f"+{self.code} (0) "] if self.prefix == "0" else []),
            ]
        )
        gaps = st.lists(
            st.sampled_from(["", "", " ", "-", ".", "/", ") ("]),
            min_size=len(number),
            max_size=len(number),
        )
        frame = st.sampled_from(
            ["{}", " {} ", "Ada <{}>", "tel:{}", '"A" <sip:{}@10.0.0.1:5060>']
        )
        return st.builds(
            lambda start, between, around: around.format(
                start
                + "".join(
                    gap + sign for gap, sign in zip(between, number, strict=False)
                )
            ),
            begin,
            gaps,
            frame,
        )


# Country code, national prefix, first digits, how many: plans of fixed length.
PLANS = [
    Plan("47", "", "2345679", 8),
    Plan("65", "", "3689", 8),
    Plan("34", "", "6789", 9),
    Plan("39", "", "3", 10),
    Plan("33", "0", "123456789", 9),
    Plan("41", "0", "234567", 9),
    Plan("61", "0", "23478", 9),
    Plan("91", "0", "6789", 10),
    Plan("36", "06", "1", 8),
    Plan("7", "8", "3489", 10),
    Plan("354", "", "45678", 7),
]


@by_hypothesis
@given(st.data())
def test_any_number_is_the_same_in_any_writing(data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(PLANS))
    number = data.draw(plan.numbers)
    assert same_number(
        data.draw(plan.writings(number)), data.draw(plan.writings(number))
    )


@by_hypothesis
@given(st.data())
def test_two_numbers_of_a_country_are_never_the_same(data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(PLANS))
    number = data.draw(plan.numbers)
    other = data.draw(
        st.one_of(
            plan.numbers,
            # As alike as can be: one digit differs, or two changed places.
            st.integers(1, plan.digits - 1).map(
                lambda place: (
                    number[:place]
                    + str((int(number[place]) + 1) % 10)
                    + number[place + 1 :]
                )
            ),
            st.integers(1, plan.digits - 2).map(
                lambda place: (
                    number[:place]
                    + number[place : place + 2][::-1]
                    + number[place + 2 :]
                )
            ),
        )
    )
    assume(number != other)
    assert not same_number(
        data.draw(plan.writings(number)), data.draw(plan.writings(other))
    )


def book(**numbers: str) -> NumberBook[str]:
    found: NumberBook[str] = NumberBook()
    for name, number in numbers.items():
        found.add(number, name)
    return found


@pytest.mark.parametrize("writings", WRITINGS, ids=lambda writings: writings[0])
def test_a_book_finds_what_is_the_same(writings: list[str]) -> None:
    for written in writings:
        contacts = book(this=written, other="+88211112222")
        assert {contacts.find(asked) for asked in writings} == {"this"}


def test_the_very_number_wins_over_another_writing() -> None:
    contacts = book(oslo="+47 22334455", here="22334455", singapore="+6522334455")
    assert contacts.find("22334455") == "here"
    assert contacts.find("+4722334455") == "oslo"
    assert contacts.find("0065 2233 4455") == "singapore"
    assert len(contacts) == 3


def test_nobody_is_named_if_it_may_be_one_of_two() -> None:
    contacts = book(oslo="+47 22334455", singapore="+65 22334455", rome="+39061234567")
    assert contacts.find("22334455") is None
    assert contacts.find("4722334455") == "oslo"
    assert contacts.find("061234567") == "rome"


def test_who_is_twice_in_a_book_is_found_under_either_number() -> None:
    contacts: NumberBook[str] = NumberBook()
    for number in ("+49 171 5551234", "0171 5551234", "anonymous"):
        contacts.add(number, "Ada")
    contacts.add("+491715551234", "Bob")
    assert contacts.find("1715551234") == "Ada"
    assert contacts.find("+49 (0) 171 555 12 34") == "Ada"
    assert contacts.find("anonymous") is None
    assert contacts.find("") is None
    assert len(contacts) == 2
