from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.config import HostPort, Network, PortRange, Settings, load
from mediasrv.errors import ConfigError


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "mediasrv.toml"
        file.write_text(text)
        return file

    return write


def test_nothing_set_is_the_embedded_server_on_loopback() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.sip.listen == HostPort("127.0.0.1", 5060)
    assert settings.trunk_of("127.0.0.1") == "local"
    assert settings.trunk_of("::1") == "local"
    assert settings.trunk_of("192.0.2.1") is None
    assert settings.trunk_of("not an address") is None


def test_environment_goes_over_file_and_flag_over_both(written) -> None:
    file = written('[sip]\nlisten = "127.0.0.1:1"\n[media]\ncpu = 1\naec = false\n[server]\ndrain_s = 1.5\n')
    environment = {
        "MEDIASRV_SIP__LISTEN": "127.0.0.1:2",
        "MEDIASRV_MEDIA__CPU": "2",
        "HOME": "/",
        "X__Y": "z",
    }
    settings = load(file, environment, {"sip.listen": ("--sip", "127.0.0.1:3")})
    assert settings.sip.listen.port == 3
    assert settings.media.cpu == 2
    assert settings.media.aec is False
    assert settings.server.drain_s == 1.5


def test_a_part_of_a_section_leaves_the_rest_at_its_default(written) -> None:
    assert load(written("[media]\nns = false\n")).media.rtp_ports == PortRange(20_000, 29_999)


def test_environment_writes_lists_with_commas_and_tables_as_json() -> None:
    settings = load(
        environment={
            "MEDIASRV_TRUNKS__OFFICE__SOURCES": "192.0.2.0/24, 198.51.100.1",
            "MEDIASRV_AGENTS__NUMBERS": '{"100": "echo"}',
        }
    )
    assert settings.trunk_of("192.0.2.9") == "office"
    assert settings.trunk_of("127.0.0.1") is None, "a trunks table replaces the built-in one"
    assert settings.agent_for("office", "100") == "echo"
    assert settings.agent_for("office", "101") == "scripted"


def test_a_number_nobody_answers_has_no_agent() -> None:
    settings = load(flags={"agents.default": ("--agent", "")})
    assert settings.agent_for("local", "101") is None


WRONG_FILES = [
    ('[sip]\nlisten = "x"', "sip.listen = 'x': write \"ADDRESS:PORT\""),
    ('[sip]\nlisten = "localhost:5060"', "must be numeric"),
    ('[sip]\nlisten = "::1:5060"', "in brackets"),
    ('[sip]\nlisten = "127.0.0.1:65536"', "65535"),
    ("[sip]\nlisten = 5060", "sip.listen = 5060: must be text, in quotes"),
    ('[sip]\nadvertised = "example.com"', "numeric IP address"),
    ('[spi]\nlisten = ""', "spi = '': unknown; did you mean \"sip\"?"),
    ('[sip]\nlisen = ""', "sip.lisen = '': unknown; did you mean \"listen\"?"),
    ("sip = 4", "sip = 4: must be a table with some of advertised, connections"),
    ('[media]\ncpu = "a"', "media.cpu = 'a': must be a whole number from -1 to 4095"),
    ("[media]\ncpu = -5", "media.cpu = -5: must be a whole number from -1 to 4095"),
    ("[media]\ncpu = true", "media.cpu = True: must be a whole number"),
    ("[media.cpu]\na = 1", "media.cpu: must be one value, not a table"),
    ('[media]\npolicy = "quick"', 'must be one of "best", "fifo", "normal", "slice"'),
    ('[media]\nrtp_ports = "9-8"', "the ports must rise"),
    ("[media]\naec = 1", "media.aec = 1: must be true or false"),
    ("[server]\ndrain_s = -1", "server.drain_s = -1: must be a number from 0 to 86400"),
    ("[calls]\nunbroken_ms = 800", "calls: undecided_ms must not be less than unbroken_ms"),
    ("[calls]\nshortest_pause_ms = 800", "calls: shortest_pause_ms, ordinary_pause_ms"),
    ("[agents.numbers]\n1 = 3", "agents.numbers.1 = 3: must be text"),
    ("[agents]\nnumbers = 3", "agents.numbers = 3: must be a table"),
    ("trunks = 3", "trunks = 3: must be a table"),
    ('[trunks.a]\nsource = "x"', 'did you mean "sources"?'),
    ('[trunks.a]\nsources = "192.0.2.1"', "trunks.a.sources"),
    ('[trunks.a]\nsources = ["192.0.2.1/24"]', "write an address or a block"),
    ("[trunks]\na = 3", "trunks.a = 3: must be a table with some of authentication"),
    ('[trunks.a]\nprofile = "sprint"', "trunks.a.profile = 'sprint': must be one of \"bandwidth\""),
    ("[trunks.a]\nprofile = 3", "trunks.a.profile = 3: must be one of"),
    ('[trunks.a]\ncodecs = ["G729"]', "trunks.a.codecs = ['G729']: must be a list, each one of"),
    ("[trunks.a]\nsession_timer_s = 30", "session_timer_s: must be 0, or 90 at least"),
    ('[trunks.a]\ncountry_code = "+44"', "country_code = '+44': write digits"),
    ('[trunks.a]\ndial_allow = ["44"]', "dial_allow = '44': write a plus and digits"),
    ('[trunks.a]\nextensions = ["2*"]', "extensions = '2*': write up to six digits"),
    ('[trunks.a]\nextensions = ["XXXXXXX"]', "extensions = 'XXXXXXX': write up to six digits"),
    ('[trunks.a.numbers]\n"2*0" = "echo"', "trunks.a: numbers.2*0: write a number, or a prefix"),
    ('[agents.numbers]\n"2*0" = "echo"', "agents: numbers.2*0: write a number, or a prefix"),
    ("x = [", "not TOML"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG_FILES)
def test_what_is_wrong_in_the_file_is_named_with_its_place_and_its_remedy(written, text, expected) -> None:
    file = written(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert expected in str(caught.value)


WRONG_VARIABLES = [
    ("MEDIASRV_MEDIA__AEC", "perhaps", "media.aec = 'perhaps': must be true or false"),
    ("MEDIASRV_MEDIA__CPU", "1.5", "media.cpu = '1.5': must be a whole number"),
    ("MEDIASRV_SIP__LISEN", "x", 'did you mean "listen"?'),
    ("MEDIASRV_SIP_LISTEN", "x", "write MEDIASRV_SECTION__KEY"),
    ("MEDIASRV_SIP_LISTEN", "x", "did you mean MEDIASRV_SIP__LISTEN?"),
    ("MEDIASRV_DATA_DIR", "x", "no such setting"),
    ("MEDIASRV_AGENTS__NUMBERS", "{", "agents.numbers = '{': must be a table of names"),
    ("MEDIASRV_AGENTS__NUMBERS", "[1]", "must be a table of names"),
]


@pytest.mark.parametrize(("name", "text", "expected"), WRONG_VARIABLES)
def test_what_is_wrong_in_the_environment_names_the_variable(name, text, expected) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environment={name: text})
    assert name in str(caught.value)
    assert expected in str(caught.value)


def test_what_is_wrong_in_a_flag_names_the_flag() -> None:
    with pytest.raises(ConfigError, match=r"^--rtp-ports: media\.rtp_ports = 'a': write"):
        load(flags={"media.rtp_ports": ("--rtp-ports", "a")})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config = .*none\.toml.*No such file"):
        load(tmp_path / "none.toml")


def test_a_port_range_counts_its_even_ports() -> None:
    assert PortRange.parse("20000-20003").streams == 2
    assert PortRange.parse("20001-20003").streams == 1
    assert PortRange.parse("20001-20004").streams == 2


@given(st.text(max_size=40))
def test_no_word_is_taken_that_does_not_print_as_itself(text: str) -> None:
    for kind in (HostPort, PortRange, Network):
        try:
            parsed = kind.parse(text)
        except ValueError:
            continue
        assert kind.parse(str(parsed)) == parsed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
    )
)
def test_whatever_stands_in_the_environment_only_config_errors_come_out(value) -> None:
    for name in (
        "MEDIASRV_TRUNKS",
        "MEDIASRV_AGENTS__NUMBERS",
        "MEDIASRV_TRUNKS__A__SOURCES",
        "MEDIASRV_CALLS__UNBROKEN_MS",
    ):
        try:
            load(environment={name: str(value)})
        except ConfigError:
            continue
