"""Who speaks OpenAI's chat API, where, and in what they differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    base_url: str
    key: str  # the environment variable that holds it; "": none is needed
    model: str
    tokens_key: str = "max_tokens"  # what bounds the reply
    tells_usage: bool = True  # with `stream_options`; who does not know them may refuse them
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "


DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(
        "https://api.openai.com/v1/", "OPENAI_API_KEY", "gpt-4o-mini", tokens_key="max_completion_tokens"
    ),
    "groq": Dialect("https://api.groq.com/openai/v1/", "GROQ_API_KEY", "llama-3.3-70b-versatile"),
    "vllm": Dialect("http://127.0.0.1:8000/v1/", "", ""),
    "ollama": Dialect("http://127.0.0.1:11434/v1/", "", "llama3.2"),
    "sarvam": Dialect(
        "https://api.sarvam.ai/v1/", "SARVAM_API_KEY", "sarvam-m", tells_usage=False,
        key_header="api-subscription-key", key_prefix="",
    ),
}  # fmt: skip
