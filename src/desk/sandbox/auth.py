"""Is this token good for this request? Signature, names, times and the address it was made for."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from desk.sandbox.ids import PORTFOLIO_ID
from desk.sandbox.options import VenueOptions
from desk.sandbox.replies import Refusal, Unauthorized

_ISSUERS = frozenset({"cdp", "coinbase-cloud"})
_BEARER = re.compile(r"Bearer\s+(\S+)")


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
    portfolio: str = PORTFOLIO_ID

    def file(self) -> dict[str, str]:
        """Return the key as the JSON file that Coinbase's developer portal lets a person download."""
        return {"name" if self.algorithm is Algorithm.ES256 else "id": self.name, "privateKey": self.secret}


def make_key(
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


def authenticate(
    header: str, method: str, path: str, keys: Mapping[str, ApiKey], options: VenueOptions, clocks: Sequence[int]
) -> ApiKey:
    """Return the key a request was signed with.

    *clocks* are the seconds that count as now; a token has to be valid by one of them, since clients of a venue whose
    clock is set by hand may go by their own. Raises: Unauthorized.
    """
    match = _BEARER.fullmatch(header)
    if match is None:
        raise Unauthorized("no bearer token")
    token = match[1]
    try:
        header_fields = jwt.get_unverified_header(token)
        key = keys.get(str(header_fields.get("kid", "")))
        if key is None:
            raise Unauthorized("no such key")
        if header_fields.get("alg") != key.algorithm:
            raise Unauthorized("the token's algorithm is not the key's")
        claims = jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError as error:
        raise Unauthorized(f"token: {type(error).__name__}") from error
    _check_claims(claims, key, options, clocks)
    if _address(claims) != f"{method} {path}":
        raise Unauthorized(f"the token is for {_address(claims)}")
    return key


def check_permission(key: ApiKey, permission: Permission) -> None:
    """Refuse a key that lacks a permission. Raises: Refusal."""
    if permission not in key.permissions:
        raise Refusal(403, "PERMISSION_DENIED", "Missing required scopes")


def _check_claims(claims: Mapping[str, Any], key: ApiKey, options: VenueOptions, clocks: Sequence[int]) -> None:
    if claims.get("sub") != key.name:
        raise Unauthorized("sub is not kid")
    if claims.get("iss") not in _ISSUERS:
        raise Unauthorized("issuer")
    begins, ends = claims.get("nbf"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int):
        raise Unauthorized("nbf and exp are needed")
    if ends - begins > options.token_lifetime_max_seconds:
        raise Unauthorized(f"valid for {ends - begins} seconds")
    if not any(begins <= now + options.token_skew_seconds and now < ends for now in clocks):
        raise Unauthorized(f"valid from {begins} to {ends}, it is {clocks[0]}")


def _address(claims: Mapping[str, Any]) -> str:
    """Return method and path of the claim. Any host will do, and the scheme that one client leaves in front of it."""
    uris = claims.get("uris")
    uri = claims.get("uri") or (uris[0] if isinstance(uris, list) and uris else "")
    method, _, rest = str(uri).partition(" ")
    rest = rest.partition("://")[2] or rest
    return f"{method} /{rest.partition('/')[2]}"
