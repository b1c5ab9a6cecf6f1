"""Providers: speech to text, language models, text to speech; one small protocol a kind, one file an adapter."""
