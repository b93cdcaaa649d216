"""The commands of edge-calibrate that make keys and signatures: keygen and sign."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from calibration.signing.keys import PASSPHRASE, make_key, read_private_key
from calibration.signing.sign import sign_bundle
from edge.bundle.named import named_bundle
from edge.commands.console.cli import Debug, Json, out


def _day(value: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"'{value}' is no day: write such as 2027-12-31.") from None
    return day


def keygen(
    name: Annotated[Path, typer.Argument(help="The files without .key.pem and .pub.pem, such as clinic.")],
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help=f"Ask for one that protects the private key; {PASSPHRASE} does too.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a pair of keys: NAME.key.pem signs bundles and is its owner's alone, NAME.pub.pem goes to the devices.

    Example: edge-calibrate keygen clinic
    """
    secret = os.environ.get(PASSPHRASE)
    if secret is None and passphrase:
        secret = typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
    made = make_key(name, secret)
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(made), default=str))
        return
    how = "protected by the passphrase" if made.encrypted else "not encrypted, for its owner alone"
    out.print(f"{made.private}: signs; {how}; keep it off the devices, with a copy in a safe place", markup=False)
    out.print(f"{made.public}: key {made.key[:16]}, for --trust and EFIQA_TRUST of the devices", markup=False)


def sign(
    model: Annotated[
        Path,
        typer.Argument(parser=named_bundle, metavar="MODEL", help="The bundle, or default; it is not changed."),
    ],
    key: Annotated[Path, typer.Option(help="The private key, NAME.key.pem of keygen.")],
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="The bundle to write; STEM.signed.efiqa here without it.")
    ] = None,
    until: Annotated[
        datetime.date | None, typer.Option(parser=_day, metavar="DATE", help="The last day (UTC) it may be used on.")
    ] = None,
    signer: Annotated[
        str | None, typer.Option(help="Who signs, in words that are shown; the name of the key's file without it.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Sign a bundle, so that devices that are told whom to trust take it, and nothing else.

    Example: edge-calibrate sign model.efiqa --key clinic.key.pem -o signed.efiqa --until 2030-12-31
    """
    target = target or Path(f"{model.stem.removesuffix('.signed')}.signed.efiqa")
    private = read_private_key(key, _passphrase)
    signed = sign_bundle(model, target, private, signer or key.name.removesuffix(".key.pem"), until)
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(signed), default=str))
        return
    said = signed.signature
    valid = f"valid until {said.until}" if said.until else "valid without end"
    out.print(f"{signed.path}: signed by {said.signer} on {said.signed}, {valid}", markup=False)
    out.print(f"key {said.key[:16]}, SHA-256 of the file {signed.sha256}", markup=False)


def _passphrase() -> str | None:
    """From the environment, or from whoever sits at the terminal; never from the arguments, which others can list."""
    if (said := os.environ.get(PASSPHRASE)) is not None:
        return said
    return str(typer.prompt("passphrase", hide_input=True, err=True)) if sys.stdin.isatty() else None
