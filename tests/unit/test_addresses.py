"""E-mail addresses are found and made one, however they are written."""

import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.events import addresses

_PLAIN = "jo.doe@example.org"


@pytest.mark.parametrize(
    "spelling",
    [
        *(_PLAIN, "Jo.Doe@Example.ORG", " jo.doe@example.org ", "jo.doe @ example.org", "\u200bjo.doe@example.org"),
        *(
            "Jo Doe <jo.doe@example.org>",
            '"Doe, Jo" <jo.doe@example.org>',
            "<jo.doe@example.org>",
            "jo.doe@example.org (Jo)",
        ),
        *(
            "'jo.doe@example.org'",
            "“jo.doe@example.org”",
            "jo.doe@example.org.",
            "jo.doe@example.org,",
            "(jo.doe@example.org)",
        ),
        *("mailto:jo.doe@example.org", "<mailto:jo.doe@example.org>", "MAILTO:jo.doe@example.org?subject=a%20b"),
        *("jo.doe%40example.org", "jo.doe%2540example.org", "Jo%20Doe%20%3Cjo.doe%40example.org%3E"),
        *("jo.doe&#64;example.org", "Jo &lt;jo.doe@example.org&gt;", "ｊｏ.ｄｏｅ＠ｅｘａｍｐｌｅ.ｏｒｇ"),
    ],
)
def test_every_spelling_of_an_address_is_one(spelling: str) -> None:
    assert addresses.normal_form(spelling) == _PLAIN


def test_a_domain_is_one_in_both_of_its_forms() -> None:
    assert addresses.normal_form("jo@Bücher.example") == addresses.normal_form("jo@xn--bcher-kva.example")


@pytest.mark.parametrize(
    "one", ["user@home", "u1", "100%", "a&b", "ü", "@jo", "jo@", "50%40", "<b>", "tom & jerry", "@a.b"]
)
def test_what_is_no_address_is_none(one: str) -> None:
    assert addresses.normal_form(one) is None


@pytest.mark.parametrize("separator", [":", ", ", ";", " and "])
def test_an_id_with_an_address_in_it_is_reported_from_others(separator: str) -> None:
    one = addresses.normal_form(f"tenant 1{separator}{_PLAIN}")
    other = addresses.normal_form(f"tenant 2{separator}{_PLAIN}")
    assert one is not None
    assert one not in (other, _PLAIN)


_LOCAL = st.text("abcxyz019._+-", min_size=1).filter(lambda text: text.strip("._+-") == text)


@given(_LOCAL, st.sampled_from(["example.org", "mail.example.co.uk"]), st.sampled_from(["", " ", "\t", "'", "."]))
def test_encoding_case_and_what_stands_around_make_no_other(local: str, domain: str, around: str) -> None:
    address = f"{local}@{domain}"
    for spelling in (address, address.upper(), urllib.parse.quote(address), f"X Y <{address}>"):
        assert addresses.normal_form(around + spelling + around) == address


@example("%²0")
@example("¨\x1f\u1baa")
@given(st.text())
def test_the_form_of_a_form_is_itself(text: str) -> None:
    once = addresses.normal_form(text + _PLAIN)
    assert once is not None
    assert addresses.normal_form(once) == once
