"""What mkdocs is told beyond mkdocs.yml: the protocol's page stands beside its code, and fences carry marks for tests.

In a page, `sh run` after the fence's ticks means that a test runs it, and `file=NAME` that a test writes it to that
file first (tests/docs_pages.py). Readers see the name as a title, and the mark not at all. Fences of commands behind
``$`` lose their prompts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
BESIDE_CODE = {"wire/PROTOCOL.md": "protocol.md"}
"""Pages that are kept with the code they are the law of, and their names on the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand beside code."""
    from mkdocs.structure.files import File

    for path, name in BESIDE_CODE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to those pages lead to their names on the site; marks for tests go; decisions are listed."""
    if page.file.src_uri == "decisions/README.md":
        markdown += _decisions()
    up = "../" * page.file.src_uri.count("/")
    for path, name in BESIDE_CODE.items():
        markdown = markdown.replace(f"](../{up}{path}", f"]({up}{name}")
    markdown = re.sub(r"^(```\w+) run$", r"\1", markdown, flags=re.MULTILINE)
    markdown = re.sub(r"^```\n((?:\$ .*\n(?: .*\n)*|\n)+)```$", _without_prompts, markdown, flags=re.MULTILINE)
    return re.sub(r"^(```\w+) file=(\S+)$", r'\1 title="\2"', markdown, flags=re.MULTILINE)


def _decisions() -> str:
    """Links to all of them, by their titles."""
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    titles = [page.read_text("utf-8").split("\n", 1)[0].removeprefix("# ") for page in pages]
    # the dot would make a list of its own numbers
    lines = [f"- [{title.replace('. ', ': ', 1)}]({page.name})" for title, page in zip(titles, pages, strict=True)]
    return "\n" + "\n".join(lines) + "\n"


def _without_prompts(fence: re.Match[str]) -> str:
    """Nothing but commands behind ``$``, so that the copy button copies what can be pasted."""
    return "```sh\n" + re.sub(r"^\$ ", "", fence[1], flags=re.MULTILINE) + "```"
