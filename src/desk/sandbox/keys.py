"""API keys of both kinds that the portal hands out, made on the spot."""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Permission(StrEnum):
    """What a key may do."""

    VIEW = "view"
    TRADE = "trade"
    TRANSFER = "transfer"


class Algorithm(StrEnum):
    """How its tokens are signed."""

    ES256 = "ES256"
    EDDSA = "EdDSA"


VIEW_AND_TRADE = frozenset({Permission.VIEW, Permission.TRADE})


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as the venue knows it, with the secret that the client has. The secret does not show in ``repr``."""

    name: str
    algorithm: Algorithm
    public: PublicKey = field(repr=False)
    secret: str = field(repr=False)
    permissions: frozenset[Permission] = VIEW_AND_TRADE

    def file(self) -> dict[str, str]:
        """Return what the portal's download file says."""
        return {"name" if self.algorithm is Algorithm.ES256 else "id": self.name, "privateKey": self.secret}


def new_key(
    algorithm: Algorithm = Algorithm.ES256, permissions: frozenset[Permission] = VIEW_AND_TRADE, name: str = ""
) -> ApiKey:
    """Make a key pair: an SEC1 PEM under an organisation's name, or 64 bytes in base64 under a bare UUID."""
    if algorithm is Algorithm.ES256:
        signer = ec.generate_private_key(ec.SECP256R1())
        pem = signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        title = name or f"organizations/{uuid.uuid4()}/apiKeys/{uuid.uuid4()}"
        return ApiKey(title, algorithm, signer.public_key(), pem.decode(), permissions)
    seed = secrets.token_bytes(32)
    edwards = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    raw = edwards.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    secret = base64.b64encode(seed + raw).decode()
    return ApiKey(name or str(uuid.uuid4()), algorithm, edwards.public_key(), secret, permissions)
