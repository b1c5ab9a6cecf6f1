"""Takes Silero's weights out of a release's ONNX file, for the native kernel (native/c/kernels/ms_silero.h).

    python -m tools.silero_weights silero_vad_openvino_16k.onnx silero_vad_16k.safetensors

An ONNX file is protocol buffers. Of them only what is on the way to the weights is read: model > graph > node >
attribute > tensor. The safetensors file that releases contain is not used: in 6.2.3 it holds the weights of an earlier
version than the ONNX files beside it, which are what Silero's own package runs.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# field numbers of onnx.proto
GRAPH, NODE, OUTPUT, ATTRIBUTE, TENSOR, DIMENSIONS, RAW = 7, 1, 2, 5, 5, 1, 9
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5

NAMES = {
    "stft.forward_basis_buffer": "stft_conv.weight",
    **{
        f"encoder.{layer}.reparam_conv.{part}": f"conv{layer + 1}.{part}"
        for layer in range(4)
        for part in ("weight", "bias")
    },
    **{
        f"decoder.rnn.{part}": f"lstm_cell.{part}"
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    },
    "decoder.decoder.2.weight": "final_conv.weight",
    "decoder.decoder.2.bias": "final_conv.bias",
}


@dataclass(frozen=True, slots=True)
class Tensor:
    shape: tuple[int, ...]
    raw: bytes  # float32, little-endian


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet, at = data[at], at + 1
        value |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            return value, at


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        if key & 7 == VARINT:
            value, at = varint(message, at)
            yield key >> 3, value
            continue
        if key & 7 == BYTES:
            length, at = varint(message, at)
        else:
            length = {FIXED_32: 4, FIXED_64: 8}[key & 7]
        yield key >> 3, message[at : at + length]
        at += length


def submessages(message: bytes, number: int) -> Iterator[bytes]:
    return (value for field, value in fields(message) if field == number and isinstance(value, bytes))


def tensor(message: bytes) -> Tensor:
    shape = tuple(value for field, value in fields(message) if field == DIMENSIONS and isinstance(value, int))
    return Tensor(shape, b"".join(submessages(message, RAW)))


def weights(onnx: bytes) -> dict[str, Tensor]:
    """The constants whose names end as NAMES say."""
    found = {}
    for graph in submessages(onnx, GRAPH):
        for node in submessages(graph, NODE):
            made = b"".join(submessages(node, OUTPUT)).decode()
            name = next((ours for theirs, ours in NAMES.items() if made.endswith(theirs)), None)
            if name is not None:
                (attribute,) = submessages(node, ATTRIBUTE)
                (held,) = submessages(attribute, TENSOR)
                found[name] = tensor(held)
    if found.keys() != set(NAMES.values()):
        raise ValueError(f"not in this file: {', '.join(sorted(set(NAMES.values()) - found.keys()))}")
    return found


def safetensors(tensors: dict[str, Tensor]) -> bytes:
    header, at = {}, 0
    for name, held in tensors.items():
        header[name] = {"dtype": "F32", "shape": held.shape, "data_offsets": (at, at + len(held.raw))}
        at += len(held.raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers are aligned
    return struct.pack("<Q", len(text)) + text + b"".join(held.raw for held in tensors.values())


def main() -> None:
    onnx, out = (Path(argument) for argument in sys.argv[1:3])
    out.write_bytes(safetensors(weights(onnx.read_bytes())))
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
