"""The documentation as a site: built strictly, by the script that people run, whole, and of no other server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r'(?:src="|url\(|@import\s*"?|<link[^>]*href=")\s*((?:https?:)?//[^"\')]+)')
"""What a browser asks another server for by itself; links wait to be followed."""


def test_the_site_builds_strictly_and_asks_no_other_server(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = subprocess.run(
        [ROOT / "scripts" / "docs", "--site-dir", site], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    pages = sorted(site.rglob("*.html"))
    sources = [path for path in (ROOT / "docs").rglob("*.md") if "pictures" not in path.parts]
    assert len(pages) >= len(sources)
    for page in pages:
        text = page.read_text("utf-8")
        assert not FETCHED.findall(text), f"{page.name} fetches {FETCHED.findall(text)[:3]}"
        assert "```" not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL), f"{page.name} shows a fence as text"
    for other in (*site.rglob("*.css"), *site.rglob("*.svg")):
        assert not FETCHED.findall(other.read_text("utf-8")), f"{other.name} fetches something"
    # the protocol stands beside its code, the API in docstrings
    assert "CURVE" in (site / "protocol.html").read_text("utf-8")
    assert 'id="wire.packets.Window"' in (site / "api" / "packets.html").read_text("utf-8")
