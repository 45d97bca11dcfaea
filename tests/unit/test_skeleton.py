"""A page in pieces: values are put in as the template would have written them."""

import gzip
from collections.abc import Mapping
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from portal.giving.form.cache import MARKS, Slot, make_skeleton

TEMPLATE = Environment(autoescape=True).from_string(
    '<p>{{ c }} is {{ d }}</p><input value="{{ a }}"><a href="/x?code={{ u(c) }}&amp;a={{ u(a) }}">'
    "{{ d }}{{ d }}</a> été ×a<button>{{ b }}</button><b>{{ f }}</b>"
)
texts = st.text(max_size=60) | st.sampled_from(
    ['"><script>', "&amp;", "×a×", "%C3%97", "a b+c", "'", *MARKS.values()]
)


def write(said: Mapping[Slot, str]) -> str:
    return TEMPLATE.render({str(slot): text for slot, text in said.items()}, u=quote_plus)


SKELETON = make_skeleton(write(MARKS))


@given(st.fixed_dictionaries(dict.fromkeys(Slot, texts)))
def test_any_values_make_the_page_that_the_template_makes(said: dict[Slot, str]) -> None:
    values = SKELETON.list_values(said)
    whole = write(said).encode()
    assert SKELETON.join(values) == whole
    assert gzip.decompress(SKELETON.pack(values)) == whole


def test_a_page_without_values_is_whole() -> None:
    alone = make_skeleton("hello")
    assert (alone.slots, alone.join([])) == ((), b"hello")
    assert gzip.decompress(alone.pack([])) == b"hello"


def test_the_tag_is_of_what_is_said_not_of_the_process() -> None:
    def tag(amount: str, code: str = "A") -> str:
        values = dict.fromkeys(Slot, code) | {Slot.AMOUNT: amount}
        return SKELETON.tag_with(SKELETON.list_values(values))

    assert tag("5") == tag("5")
    assert len({tag("5"), tag("6"), tag("5", "B"), SKELETON.tag}) == 4
