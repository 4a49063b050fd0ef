"""Our keys in the LSL configuration, beside the user's own."""

from __future__ import annotations

from wire.lsl_scope import _MACHINE, _QUIET, _ports, merged


def test_our_keys_are_added_and_the_users_are_kept() -> None:
    text = "[lab]\nKnownPeers = {10.0.0.7}\n; a remark\n[multicast]\nResolveScope = site\nTTLOverride = 3\n"
    text += "[log]\nlevel = 4\n"
    lines = merged(text, [_QUIET, _MACHINE]).splitlines()
    assert lines == [
        "[lab]",
        "KnownPeers={10.0.0.7}",
        "[multicast]",
        "ResolveScope=machine",
        "TTLOverride=3",
        "ListenAddress=127.0.0.1",
        "[log]",
        "level=4",
        "[ports]",
        "IPv6=disable",
    ]


def test_a_configuration_that_is_none_is_left_out() -> None:
    assert merged("no section here\n", [_QUIET]) == "[log]\nlevel=-3\n"
    assert merged("", [_QUIET]) == "[log]\nlevel=-3\n"


def test_ports_of_an_outlet() -> None:
    xml = "<v4data_port>16572</v4data_port><v4service_port>16573</v4service_port><v6data_port>0</v6data_port>"
    assert _ports(f"<info>{xml}</info>") == {16572, 16573}
