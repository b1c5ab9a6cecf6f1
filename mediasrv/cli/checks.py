"""What `doctor` looks at: one function a question, each with an answer and, where it is bad, what to do about it."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import ipaddress
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mediasrv.config import Settings
from mediasrv.endpoints.nat.hosts import ANYWHERE, route_from
from mediasrv.errors import ConfigError

RTP_PORTS_TRIED = 16
FILES_BESIDE_STREAMS = 64
FREE_GB_MIN = 1.0
LOADS_WITHIN_S = 30.0
NATIVE_ADVICE = "run `make build`, or install a wheel"
CLOCK_RESOLUTION_NS_MAX = 1_000
_FAST_CLOCKS = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}
_CPU_FEATURES = ("avx512f", "avx2", "fma", "sse4_2", "neon", "asimd")


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    status: Literal["ok", "warning", "bad"]
    found: str
    advice: str = ""


def python(settings: Settings) -> Finding:
    return Finding("python", "ok", platform.python_version())


def native(settings: Settings) -> Finding:
    problem = _native_problem()
    if problem:
        return Finding("native modules", "bad", problem, NATIVE_ADVICE)
    return Finding("native modules", "ok", "built, and they load")


def processor(settings: Settings) -> Finding:
    features = _cpu_flags() & set(_CPU_FEATURES)
    processors = len(os.sched_getaffinity(0))
    found = f"{platform.machine()}, {processors} processors, {' '.join(sorted(features)) or 'no vectors'}"
    if processors < 2:
        return Finding("processor", "warning", found, "give it two: sound and decisions should not share one")
    return Finding("processor", "ok", found)


def scheduling(settings: Settings) -> Finding:
    if _native_problem():
        return Finding("scheduling", "bad", "cannot be told without the native modules", NATIVE_ADVICE)
    ours = importlib.import_module("mediasrv.media.scheduling")
    policy, threads = ours.available_policy().name.lower(), settings.media.threads or ours.default_threads()
    advice = {
        "fifo": "",
        "slice": "for real time under load: CAP_SYS_NICE, or `ulimit -r 50`",
        "normal": "sound will be late under load: CAP_SYS_NICE, or `ulimit -r 50`, or Linux 6.12 and later",
    }[policy]
    found = f"{threads} engine thread{'s' if threads > 1 else ''}, which can have {policy}"
    if threads > len(os.sched_getaffinity(0)):
        return Finding("scheduling", "warning", found, "more threads than processors: lower media.threads")
    return Finding("scheduling", "warning" if advice else "ok", found, advice)


def speech(settings: Settings) -> Finding:
    if _native_problem():
        return Finding("speech detection", "bad", "cannot be told without the native modules", NATIVE_ADVICE)
    ours = importlib.import_module("mediasrv.media.vad_weights")
    try:
        weights = ours.vad_weights(settings.media.vad_weights)
    except ConfigError as error:
        return Finding(
            "speech detection", "bad", str(error), "leave it empty for the weights that are shipped"
        )
    if weights is not None:
        whose = settings.media.vad_weights or "the shipped weights"
        return Finding("speech detection", "ok", f"native gate, confirmed by Silero ({whose})")
    if settings.media.vad_weights == ours.OFF:
        return Finding("speech detection", "ok", "native gate alone, as set")
    return Finding(
        "speech detection",
        "warning",
        "native gate alone: this installation has no weights",
        "name a file of Silero's weights with media.vad_weights",
    )


def clock(settings: Settings) -> Finding:
    resolution_ns = round(time.clock_getres(time.CLOCK_MONOTONIC) * 1e9)
    source_file = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    source = source_file.read_text().strip() if source_file.is_file() else "unknown"
    found = f"{resolution_ns} ns, source {source}"
    if resolution_ns > CLOCK_RESOLUTION_NS_MAX:
        return Finding("clock", "bad", found, "a monotonic clock of 1 us or better is needed")
    if source not in _FAST_CLOCKS:
        return Finding("clock", "warning", found, "reading this clock may be slow; prefer tsc")
    return Finding("clock", "ok", found)


def sip_port(settings: Settings) -> Finding:
    listen = settings.sip.listen
    error = _cannot_bind(listen.host, listen.port)
    if error is None and settings.sip.tcp:
        error = _cannot_bind(listen.host, listen.port, socket.SOCK_STREAM)
    if error is None:
        spoken = "UDP and TCP" if settings.sip.tcp else "UDP"
        return Finding("sip port", "ok", f"{listen} is free for {spoken}")
    return Finding(
        "sip port",
        "warning",
        f"{listen}: {error}",
        "if that is not this server, choose another: `mediasrv serve --sip 127.0.0.1:5070`",
    )


def rtp_ports(settings: Settings) -> Finding:
    ports, host = settings.media.rtp_ports, settings.media.host.text or settings.sip.listen.host
    step = max(2, (ports.last - ports.first) // RTP_PORTS_TRIED // 2 * 2)
    tried = range(ports.first + ports.first % 2, ports.last + 1, step)
    taken = [port for port in tried if _cannot_bind(host, port)]
    found = f"{ports} on {host}: room for {ports.streams} streams, {len(taken)} of {len(tried)} ports tried are taken"
    if len(taken) == len(tried):
        return Finding("rtp ports", "bad", found, "choose others with --rtp-ports")
    if ports.streams < settings.media.capacity:
        return Finding(
            "rtp ports", "warning", found, f"fewer than media.capacity = {settings.media.capacity}"
        )
    return Finding(
        "rtp ports", "warning" if taken else "ok", found, "others use this range too" if taken else ""
    )


def packets(settings: Settings) -> Finding:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        one.settimeout(1)
        two.sendto(b"?", one.getsockname())
        try:
            one.recvfrom(1)
        except OSError as error:
            return Finding("packets", "bad", f"UDP over loopback: {error}", "look at the firewall")
    return Finding("packets", "ok", "UDP over loopback works")


def network(settings: Settings) -> Finding:
    """Guesses whether peers can reach the address that they would be told."""
    listen = ipaddress.ip_address(settings.sip.listen.host)
    told = settings.sip.advertised.text or str(listen)
    if listen.is_loopback:
        return Finding("network", "ok", f"loopback only ({told}): callers on this machine", "")
    outward = route_from(ANYWHERE[listen.version])
    if outward is not None and ipaddress.ip_address(told).is_unspecified:
        told = outward
    found = f"listens on {listen}, tells {told}, goes out from {outward or 'nowhere'}"
    if ipaddress.ip_address(told).is_unspecified:
        return Finding("network", "bad", found, "there is no way out, so that no address can be told")
    if settings.sip.stun_server:
        return Finding("network", "ok", f"{found}, asks {settings.sip.stun_server} how it is seen")
    if ipaddress.ip_address(told).is_private:
        advice = "behind NAT? then set sip.advertised or sip.stun_server"
        return Finding("network", "warning", found, advice)
    return Finding("network", "ok", found)


def files(settings: Settings) -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.media.capacity + FILES_BESIDE_STREAMS
    found = f"{soft} open files allowed, {wanted} may be needed"
    return (
        Finding("open files", "ok", found)
        if soft >= wanted
        else Finding("open files", "bad", found, f"ulimit -n {wanted}")
    )


def data_dir(settings: Settings) -> Finding:
    directory = Path(settings.server.data_dir).absolute()
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return Finding(
            "data directory", "bad", f"{directory} cannot be written", "choose another with --data-dir"
        )
    free_gb = shutil.disk_usage(nearest).free / 1e9
    found = f"{directory}, {free_gb:.1f} GB free"
    if free_gb < FREE_GB_MIN:
        return Finding("data directory", "warning", found, "make room, or choose another with --data-dir")
    return Finding("data directory", "ok", found)


def optional(settings: Settings) -> Iterator[Finding]:
    """Parts that may be missing, and what each would give."""
    modules = {
        "pocketsphinx": ("ears of the agent `demo`", "pip install 'mediasrv[local]'"),
        "espeakng_loader": ("voice of the agent `demo`", "pip install 'mediasrv[local]'"),
        "cffi": ("needed by that voice", "pip install 'mediasrv[local]'"),
        "pjsua2": ("softphone for trying it out (tools/softphone)", "pip install pjsua2-python"),
    }
    for module, (purpose, remedy) in modules.items():
        there = importlib.util.find_spec(module) is not None
        yield Finding(
            module,
            "ok" if there else "warning",
            purpose if there else f"missing: {purpose}",
            "" if there else remedy,
        )
    sipp = shutil.which("sipp")
    yield Finding(
        "sipp",
        "ok" if sipp else "warning",
        sipp or "missing: load tests",
        "" if sipp else "apt-get install sip-tester",
    )


_CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    python, native, processor, scheduling, speech, clock, sip_port, rtp_ports, packets, network, files, data_dir,
)  # fmt: skip


def examine(settings: Settings) -> list[Finding]:
    return [check(settings) for check in _CHECKS] + list(optional(settings))


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return {
        flag
        for line in lines
        if line.startswith(("flags", "Features"))
        for flag in line.partition(":")[2].split()
    }


@functools.cache
def _native_problem() -> str:
    """Why the native modules do not load. Asked of another process: a broken one may kill whoever loads it."""
    command = [sys.executable, "-c", "import mediasrv.media"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=LOADS_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if tried.returncode < 0:
        return f"loading them ends the process: {signal.Signals(-tried.returncode).name}"
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else ""


def _cannot_bind(host: str, port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:  # what closed connections leave behind does not hold the server up
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.strerror or str(error)
    return None
