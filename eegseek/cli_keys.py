"""``eegseek keys``: who may connect to sessions over TCP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.errors import KeysError
from wire.keys import SERVER, Keys, keys_folder

app = typer.Typer(
    help="Keys for sessions over TCP: make, list, carry to another machine. On one machine nothing needs doing.",
    no_args_is_help=True,
)
Folder = Annotated[str, typer.Option("--keys", metavar="DIR", help="Folder of keys, as run.keys; empty: yours.")]
Name = Annotated[str, typer.Argument(help="Name of the key, as `eegseek keys list` shows it.")]


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="Name of the new pair; 'client' and 'server' are used by default.")],
    server: Annotated[bool, typer.Option("--server", help="For acquisition, which others connect to.")] = False,
    keys: Folder = "",
) -> None:
    """Make a pair of keys of your own; its secret part never leaves this machine.

    For example: [bold]eegseek keys make server[/bold]
    """
    key = _of(keys).make(name, "server" if server or name == SERVER else "client")
    typer.echo(f"made the {key.role} key '{name}' in {_of(keys).folder}; public part: {key.public.decode()}")


@app.command("list")
def show(keys: Folder = "") -> None:
    """List keys: your own, clients that are admitted, and servers that are known."""
    folder = _of(keys)
    found = folder.all()
    for key in found:
        typer.echo(f"{key.name:20s} {key.role:7s} {'own' if key.own else 'trusted':8s} {key.public.decode()}")
    if not found:
        typer.echo(f"no keys in {folder.folder}; on one machine they are made when they are needed")


@app.command()
def remove(name: Name, keys: Folder = "") -> None:
    """Remove a key: who shows it is let in no more. Connections that stand stay until the session ends."""
    key = _of(keys).remove(name)
    typer.echo(f"removed the {key.role} key '{name}'")


@app.command()
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it here; else to the screen.")] = None,
    keys: Folder = "",
) -> None:
    """Give out the public part of a key, to be trusted on another machine.

    For example: [bold]eegseek keys export client -o laptop.key[/bold]
    """
    text = _of(keys).named(name).text()
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="ascii") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise KeysError(f"'{out}' is there already and is not overwritten; choose another file") from error
    except OSError as error:
        raise KeysError(f"'{out}' cannot be written: {error.strerror}; choose another place") from error
    typer.echo(f"{out}: public part of '{name}'; on the other machine: eegseek keys trust {out.name} --as NAME")


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="What `eegseek keys export` wrote on the other machine.")],
    as_: Annotated[str, typer.Option("--as", metavar="NAME", help="To know it by here; empty: its own name.")] = "",
    keys: Folder = "",
) -> None:
    """Take over a public key: admit a client, or know a server. Bring the file on a way that you trust.

    For example: [bold]eegseek keys trust laptop.key --as laptop[/bold]
    """
    key = _of(keys).trust(file, as_)
    does = "may connect to your sessions" if key.role == "client" else f"is known: --set run.server={key.name}"
    typer.echo(f"the {key.role} '{key.name}' {does}; its public part, to compare: {key.public.decode()}")


def _of(folder: str) -> Keys:
    return Keys(keys_folder(folder))
