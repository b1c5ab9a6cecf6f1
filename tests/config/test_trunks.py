"""Carriers' profiles: data that is read as strictly as what the operator writes over it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from mediasrv.config import Settings, TrunkSettings, load
from mediasrv.config.trunk import PROFILES_IN, ProfileName, Quirk, host_and_port
from mediasrv.errors import ConfigError

PROFILES = get_args(ProfileName)
OPERATORS = {"sources", "numbers", "country_code", "calls_max", "dial_allow", "dial_deny"}


def trunk(text: str, tmp_path: Path) -> TrunkSettings:
    file = tmp_path / "mediasrv.toml"
    file.write_text(f"[trunks.t]\n{text}")
    return load(file).trunks["t"]


def test_there_is_one_file_for_each_profile() -> None:
    assert {path.stem for path in PROFILES_IN.glob("*.toml")} == set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_the_carriers_half_and_names_no_addresses(name: str, tmp_path: Path) -> None:
    written = tomllib.loads((PROFILES_IN / f"{name}.toml").read_text())
    assert not written.keys() & OPERATORS
    read = trunk(f'profile = "{name}"', tmp_path)
    assert read.profile == name
    assert read.sources == ()
    for key, value in written.items():
        given = getattr(read, key)
        assert (list(given) if isinstance(given, tuple) else given) == value
    assert name == "generic" or read.published.startswith("https://")


def test_generic_is_what_a_trunk_is_without_a_profile(tmp_path: Path) -> None:
    assert trunk('profile = "generic"', tmp_path) == trunk("", tmp_path) == TrunkSettings()


def test_the_operator_writes_over_the_profile(tmp_path: Path) -> None:
    read = trunk('profile = "vonage"\ncodecs = ["PCMU"]\nsources = ["192.0.2.1"]', tmp_path)
    assert read.codecs == ("PCMU",)
    assert read.admits("192.0.2.1")
    assert read.session_timer_s == 1_800  # the profile's, still


def test_the_environment_writes_over_the_profile_too() -> None:
    settings = load(
        environment={
            "MEDIASRV_TRUNKS__T__PROFILE": "telnyx",
            "MEDIASRV_TRUNKS__T__CODECS": "PCMA, opus",
            "MEDIASRV_TRUNKS__T__DIAL_ALLOW": "+1,+44",
        }
    )
    assert settings.trunks["t"].codecs == ("PCMA", "opus")
    assert settings.trunks["t"].dial_allow == ("+1", "+44")
    assert settings.trunks["t"].calls_per_s == 20


def test_an_address_proves_nothing_where_a_password_is_demanded(tmp_path: Path) -> None:
    read = trunk('authentication = ["digest"]\nsources = ["192.0.2.1"]', tmp_path)
    assert not read.admits("192.0.2.1")


def test_every_key_of_a_trunk_is_read_where_something_is_done_with_it() -> None:
    """A key that nothing reads would promise what nobody keeps."""
    read, written = set[str](), set[str]()
    for file in (PROFILES_IN.parents[1]).rglob("*.py"):
        tree = ast.parse(file.read_text())
        if file.name not in ("trunk.py", "reference.py"):
            written |= {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
        for each in ast.walk(tree):
            if isinstance(each, ast.Attribute):
                of = ast.unparse(each.value)
                if "trunk" in of.lower() or of == "t" or (of == "self" and file.name == "trunk.py"):
                    read.add(each.attr)
    assert set(TrunkSettings.__struct_fields__) - read == set()
    assert set(get_args(Quirk)) - written == set()


# called, as the trunk writes it; who answers
CALLED = [
    ("+442079460018", "echo"),
    ("02079460018", "echo"),
    ("00442079460018", "echo"),
    ("+442079460099", "menu"),
    ("+4930123456", "tone"),
    ("200", "scripted"),
    ("201", None),
    ("reception", "menu"),
]


@pytest.mark.parametrize(("called", "agent"), CALLED)
def test_a_number_finds_its_agent_trunk_by_trunk(called: str, agent: str | None, tmp_path: Path) -> None:
    file = tmp_path / "mediasrv.toml"
    file.write_text(
        """
        [agents]
        default = ""
        numbers = { 200 = "echo", "+4930*" = "tone", reception = "menu" }
        [trunks.t]
        country_code = "44"
        numbers = { "+442079460018" = "echo", "+4420*" = "menu", "200" = "scripted" }
        [trunks.other]
        """
    )
    settings = load(file)
    assert settings.agent_for("t", settings.trunks["t"].number(called)) == agent
    assert settings.agent_for("other", "200") == "echo"


def test_the_embedded_server_has_a_number_for_each_demonstration() -> None:
    settings = Settings()
    answering = [settings.agent_for("local", number) for number in ("100", "200", "300", "999")]
    assert answering == ["echo", "menu", "scripted", "scripted"]


def test_a_password_comes_from_the_environment_over_the_file(tmp_path) -> None:
    file = tmp_path / "mediasrv.toml"
    file.write_text('[trunks.t]\nhosts = ["192.0.2.1"]\nusername = "us"\npassword = "in a file"\n')
    assert load(file, {"MEDIASRV_TRUNKS__T__PASSWORD": "hidden"}).trunks["t"].password == "hidden"
    assert "hidden" not in repr(load(file, {"MEDIASRV_TRUNKS__T__PASSWORD": "hidden"}))


@pytest.mark.parametrize(
    "table",
    [
        'pasword = "s3same"',
        "password = 53853",
        'Password = "s3same"',
        'password = ["s3same"]',
        'password = "s3same"\nregister = true',
        'password = "s3same"\ncountry_code = "x"',
    ],
)
def test_no_error_repeats_what_may_be_a_password(tmp_path, table: str) -> None:
    file = tmp_path / "mediasrv.toml"
    file.write_text(f"[trunks.t]\n{table}\n")
    with pytest.raises(ConfigError) as told:
        load(file)
    assert "s3same" not in str(told.value)
    assert "53853" not in str(told.value)


@pytest.mark.parametrize("place", ["carrier.example", "192.0.2.1:5080", "[2001:db8::1]:5061", "[::1]"])
def test_hosts_are_names_or_addresses_with_a_port_or_without(place: str) -> None:
    host, port = host_and_port(place)
    assert place in (host, f"{host}:{port}", f"[{host}]:{port}", f"[{host}]")


@pytest.mark.parametrize(
    "place", ["", "a b", "192.0.2.1:0", "192.0.2.1:65536", "::1", "host:", "sip:host", "u@h"]
)
def test_what_is_no_host_is_refused_at_the_start(tmp_path, place: str) -> None:
    file = tmp_path / "mediasrv.toml"
    file.write_text(f'[trunks.t]\nhosts = ["{place}"]\n')
    with pytest.raises(ConfigError, match="hosts"):
        load(file)
