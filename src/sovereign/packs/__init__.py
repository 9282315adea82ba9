"""Packs that come with Sovereign: a folder each, with `pack.toml` and a script. Package data; nothing to import."""
