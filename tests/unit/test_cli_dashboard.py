from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from config.errors import EndpointError, SessionError, SettingsFileError
from config.load import validate
from eegseek import cli_dashboard


def session(folder: Path, name: str, when: float, run: str = "") -> Path:
    place = folder / name
    place.mkdir()
    settings = validate({"session": {"name": name, "folder": str(folder)}, "run": {"folder": run}})
    (place / "settings.json").write_text(settings.model_dump_json())
    os.utime(place / "settings.json", (when, when))
    return place


def test_the_latest_session_of_the_run_folder_is_joined(tmp_path: Path) -> None:
    session(tmp_path, "old", 1000)
    new = session(tmp_path, "new", 2000)
    session(tmp_path, "other", 3000, "/elsewhere")
    assert cli_dashboard._settings(None, "", tmp_path, []).session.name == "new"
    assert cli_dashboard._settings(None, "/elsewhere", tmp_path, []).session.name == "other"
    assert cli_dashboard._settings(new.parent / "old", "", tmp_path, ["dashboard.port=9"]).dashboard.port == 9


def test_no_session_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="there is no session in"):
        cli_dashboard._settings(None, "", tmp_path / "none", [])
    with pytest.raises(SettingsFileError, match=r"no settings\.json"):
        cli_dashboard._settings(tmp_path, "", tmp_path, [])


def test_a_run_with_a_dashboard_tells_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = validate({"session": {"folder": str(tmp_path)}, "dashboard": {"port": port}})
        with pytest.raises(EndpointError, match="cannot listen"):
            cli_dashboard.beside(settings)
    (child,) = cli_dashboard.beside(settings)
    assert (child.name, child.role) == ("dashboard", "display")
    assert child.argv[-2:] == [str(tmp_path / "session" / "settings.json"), "--with-run"]
    assert capsys.readouterr().err == f"eegseek: dashboard: http://127.0.0.1:{port}/\n"


def test_beyond_loopback_the_token_is_not_told_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("display.dashboard.process.own_address", lambda: "10.1.2.3")
    settings = validate({"session": {"folder": str(tmp_path)}, "dashboard": {"host": "0.0.0.0", "port": 5}})
    assert cli_dashboard.address(settings) == (
        f"dashboard: http://10.1.2.3:5/ with the token in '{tmp_path}/session/dashboard.url'"
    )
