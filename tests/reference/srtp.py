"""SRTP and SRTCP as RFC 3711 and RFC 7714 print them: every packet with its index given, no state."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from tests.reference.aes import counter_mode, gcm_open, gcm_seal

RTP_LABELS, RTCP_LABELS = 0, 3
ENCRYPTED = 1 << 31


@dataclass(frozen=True, slots=True)
class Profile:
    number: int  # of RFC 5764 and RFC 7714
    key: int  # octets
    salt: int
    rtp_tag: int
    rtcp_tag: int
    aead: bool = False

    @property
    def keying(self) -> int:
        return self.key + self.salt


CM_80 = Profile(1, 16, 14, 10, 10)
CM_32 = Profile(2, 16, 14, 4, 10)
GCM_128 = Profile(7, 16, 12, 16, 16, aead=True)
GCM_256 = Profile(8, 32, 12, 16, 16, aead=True)
PROFILES = (CM_80, CM_32, GCM_128, GCM_256)


def derive(master_key: bytes, master_salt: bytes, label: int, octets: int) -> bytes:
    """RFC 3711 4.3: `label` in the eighth octet of a salt of 14, and AES-CM of zeros under that."""
    salt = int.from_bytes(master_salt.ljust(14, b"\0"), "big") ^ label << 48
    return counter_mode(master_key, (salt << 16).to_bytes(16, "big"), bytes(octets))


def header_octets(packet: bytes) -> int:
    octets = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        octets += 4 + 4 * int.from_bytes(packet[octets + 2 : octets + 4], "big")
    return octets


class Session:
    """The session keys of one direction, of RTP or of RTCP."""

    def __init__(self, profile: Profile, keying: bytes, labels: int) -> None:
        key, salt = keying[: profile.key], keying[profile.key :]
        self.profile = profile
        self.tag = profile.rtp_tag if labels == RTP_LABELS else profile.rtcp_tag
        self.key = derive(key, salt, labels, profile.key)
        self.mac_key = derive(key, salt, labels + 1, 20)
        self.salt = derive(key, salt, labels + 2, profile.salt)

    def crypt(self, ssrc: int, index: int, data: bytes) -> bytes:
        iv = int.from_bytes(self.salt, "big") << 16 ^ ssrc << 64 ^ index << 16
        return counter_mode(self.key, iv.to_bytes(16, "big"), data)

    def mac(self, data: bytes) -> bytes:
        return hmac.digest(self.mac_key, data, "sha1")[: self.tag]

    def gcm_iv(self, ssrc: int, index: int) -> bytes:
        return (int.from_bytes(self.salt, "big") ^ ssrc << 48 ^ index).to_bytes(12, "big")


class Reference:
    """Both kinds of traffic in one direction, under one master key."""

    def __init__(self, profile: Profile, keying: bytes) -> None:
        self.profile = profile
        self.rtp, self.rtcp = Session(profile, keying, RTP_LABELS), Session(profile, keying, RTCP_LABELS)

    def protect(self, packet: bytes, roll_over: int = 0) -> bytes:
        at = header_octets(packet)
        header, payload = packet[:at], packet[at:]
        ssrc = int.from_bytes(packet[8:12], "big")
        index = roll_over << 16 | int.from_bytes(packet[2:4], "big")
        if self.profile.aead:
            return header + gcm_seal(self.rtp.key, self.rtp.gcm_iv(ssrc, index), header, payload)
        sealed = header + self.rtp.crypt(ssrc, index, payload)
        return sealed + self.rtp.mac(sealed + roll_over.to_bytes(4, "big"))

    def unprotect(self, packet: bytes, roll_over: int = 0) -> bytes | None:
        at = header_octets(packet)
        ssrc = int.from_bytes(packet[8:12], "big")
        index = roll_over << 16 | int.from_bytes(packet[2:4], "big")
        if self.profile.aead:
            plain = gcm_open(self.rtp.key, self.rtp.gcm_iv(ssrc, index), packet[:at], packet[at:])
            return None if plain is None else packet[:at] + plain
        sealed, tag = packet[: -self.rtp.tag], packet[-self.rtp.tag :]
        if self.rtp.mac(sealed + roll_over.to_bytes(4, "big")) != tag:
            return None
        return sealed[:at] + self.rtp.crypt(ssrc, index, sealed[at:])

    def protect_rtcp(self, packet: bytes, index: int) -> bytes:
        header, body = packet[:8], packet[8:]
        ssrc = int.from_bytes(packet[4:8], "big")
        trailer = (index | ENCRYPTED).to_bytes(4, "big")
        if self.profile.aead:
            iv = self.rtcp.gcm_iv(ssrc, index)
            return header + gcm_seal(self.rtcp.key, iv, header + trailer, body) + trailer
        sealed = header + self.rtcp.crypt(ssrc, index, body) + trailer
        return sealed + self.rtcp.mac(sealed)
