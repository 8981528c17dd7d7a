"""Ephemeral keys of one machine: the client's, the guest's host key, and the files that bear them."""

from __future__ import annotations

import base64
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

CLIENT_KEY = "id_ed25519"
KNOWN_HOSTS = "known_hosts"
_TYPE = b"ssh-ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKeys:
    """The keys of one machine; made on the host, so that the guest's host key can be verified."""

    client_private: bytes
    """OpenSSH private key file."""
    client_public: str
    """One line of ``authorized_keys``."""
    host_private_dropbear: bytes
    """Host key in dropbear's own format."""
    host_public: str
    """``ssh-ed25519 BASE64``."""


def generate() -> MachineKeys:
    """Generate a client and a host key, both Ed25519."""
    return _pair(Ed25519PrivateKey.generate())


def generate_for_host(host_private_dropbear: bytes) -> MachineKeys:
    """Generate a client key to go with a host key that forks share, given in dropbear's format."""
    seed = host_private_dropbear[-64:-32]
    return _pair(Ed25519PrivateKey.from_private_bytes(seed))


def _pair(host: Ed25519PrivateKey) -> MachineKeys:
    client = Ed25519PrivateKey.generate()
    return MachineKeys(
        client_private=_openssh(client),
        client_public=f"{_public(client)} vmbench",
        host_private_dropbear=_dropbear(host),
        host_public=_public(host),
    )


def write_files(keys: MachineKeys, folder: Path, machine: str) -> None:
    """Write the client's key and a ``known_hosts`` with the machine's id as the host's alias."""
    fd = os.open(folder / CLIENT_KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(keys.client_private)
    (folder / KNOWN_HOSTS).write_text(f"{machine} {keys.host_public}\n")


def public_of(folder: Path) -> str:
    """Return the ``authorized_keys`` line of the client key in a machine's folder."""
    key = load_ssh_private_key((folder / CLIENT_KEY).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return f"{_public(key)} vmbench"


def ssh_command(folder: Path, machine: str, port: int) -> str:
    """Return the plain ``ssh`` command that walks into the machine."""
    return (
        f"ssh -p {port} -i {folder / CLIENT_KEY} -o IdentitiesOnly=yes -o HostKeyAlias={machine} "
        f"-o UserKnownHostsFile={folder / KNOWN_HOSTS} root@127.0.0.1"
    )


def _openssh(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _public(key: Ed25519PrivateKey) -> str:
    blob = _string(_TYPE) + _string(_raw_public(key))
    return f"{_TYPE.decode()} {base64.b64encode(blob).decode()}"


def _dropbear(key: Ed25519PrivateKey) -> bytes:
    """Return dropbear's key file: the type, then seed and public key, as SSH strings (RFC 4251, 5)."""
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return _string(_TYPE) + _string(seed + _raw_public(key))


def _raw_public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
