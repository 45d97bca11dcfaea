"""What is kept encrypted opens by its own key and for its own purpose, and by nothing else."""

import pytest

from portal.encryption import Unreadable, decrypt, encrypt, name_keys
from portal.settings import Settings, load_settings

OLD, NEW = "an old secret key of this installation", "a new secret key of this installation"


def keyed(secret: str, former: str = "") -> Settings:
    return load_settings(secret_key=secret, former_secret_keys=former)


def test_a_text_opens_by_its_key_now_and_as_a_former_one() -> None:
    kept = encrypt(keyed(OLD), "8001015009087", "za_id")
    assert "8001015009087" not in kept
    assert kept != encrypt(keyed(OLD), "8001015009087", "za_id"), "no two are alike"
    assert decrypt(keyed(OLD), kept, "za_id") == "8001015009087"
    rolled = keyed(NEW, f" {OLD},")
    assert decrypt(rolled, kept, "za_id") == "8001015009087"
    assert {*name_keys(keyed(OLD))} < {*name_keys(rolled)}
    comma = keyed("a key, with a comma, of this installation")
    by_comma = keyed(NEW, "a key, with a comma, of this installation")
    assert decrypt(by_comma, encrypt(comma, "x", "y"), "y") == "x"
    assert encrypt(rolled, "x", "y").startswith(name_keys(keyed(NEW))[0])


@pytest.mark.parametrize("damage", ["", "x", ".", "no.key", "A{kept}", "{kept}é"])
def test_what_is_lost_or_changed_is_unreadable_and_nothing_more(damage: str) -> None:
    settings = keyed(OLD)
    kept = encrypt(settings, "8001015009087", "za_id")
    for text, by, purpose in (
        (kept, keyed(NEW), "za_id"),
        (kept, settings, "in_pan"),
        (kept[:-3] + "AA=", settings, "za_id"),
        (damage.format(kept=kept), settings, "za_id"),
    ):
        with pytest.raises(Unreadable):
            decrypt(by, text, purpose)
