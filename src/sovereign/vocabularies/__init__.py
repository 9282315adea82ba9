"""Vocabularies: a field's subjects, metrics, benchmarks and baselines, as data."""
