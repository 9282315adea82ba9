"""The public contracts of a record: seven small documents beside its page, each recomputed from record and events.

Their names and fields are those of an earlier system whose vocabulary is kept, so that a reader of its documents can
read ours. Where a name says more than we would ("verified_claim_count"), the document says what the number is. Nothing
here is typed by anyone: equal record and events give equal contracts.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from sovereign.records import Document

SCHEMA_TAG = "https://json-schema.org/draft/2020-12/schema"


class Contract(Document):
    """What all contracts have in common: which one it is, and of which record."""

    schema_: str = Field(alias="schema")
    contract_version: str
    work: str = Field(description="the record's id")
    version: int = Field(ge=1, description="the record's version")

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class ClaimSummary(Document):
    """Counters of claims by how strongly they stand; each is counted from the record's claims."""

    source_grounded_claims: int = Field(description="claims that stand in a work's own words, at a stated place")
    aggregate_claim_records: int = Field(description="claims without a record of their own: none")
    claim_record_source: str
    per_claim_public_records: tuple[str, ...] = Field(description="addresses of the claims on the record's page")
    per_claim_public_record_count: int
    cross_source_corroborated_claims: int
    artifact_inspected_claims: int
    sandbox_executed_claims: int
    independently_reproduced_claims: int
    externally_reviewed_or_formally_verified_claims: int


class Rung(Document):
    level: int = Field(ge=0, le=7)
    key: str
    label: str
    meaning: str


class VerificationLevels(Contract):
    """verification-levels-v1: where the record stands on the ladder from 0 to 7, and why."""

    paper_level: int = Field(ge=0, le=7)
    paper_level_key: str
    paper_level_label: str
    basis: str
    generated_from: str
    claim_summary: ClaimSummary
    artifact_types: tuple[str, ...]
    levels: tuple[Rung, ...]
    unsupported_upper_levels: tuple[int, ...] = Field(description="levels above the record's that no claim reaches")
    enforcement: str
    limitations: tuple[str, ...]


class TierInputs(Document):
    review_score: float = Field(ge=0, le=10)
    verified_claim_count: int = Field(description="claims in cells that are quoted from a work or measured")
    artifact_types: tuple[str, ...]
    reproducibility_level: str


class Threshold(Document):
    tier: str
    review_score: float
    claims: int
    rule: str


class QualityTiers(Contract):
    """quality-tiers-v1: the tier, the figures that it was made from, and the thresholds that took effect."""

    tier: str
    basis: str
    generated_from: str
    inputs: TierInputs
    thresholds: tuple[Threshold, ...]
    enforcement: str
    limitations: tuple[str, ...]


class QualityDimension(Document):
    score: float | None
    level: str
    basis: str
    definition: str


class QualityDimensions(Contract):
    """quality-dimensions-v1: eight dimensions, each by its rule or UNASSESSED."""

    dimensions: dict[str, QualityDimension]
    generated_from: str
    limitations: tuple[str, ...]


class GateVerdictContract(Contract):
    """gate-verdict-v1: what attached artifacts say; never made from score or counts."""

    status: str
    label: str
    definition: str
    reason: str
    evaluated_at: str | None
    gate: str
    enforcement: str
    artifacts: tuple[str, ...] = Field(description="digests of the results files that are attached")


class CorrectionEvent(Document):
    event_id: str
    corrected_at: str
    correction_type: str = Field(
        description="METADATA, ARTIFACT, CLAIM, BENCHMARK, PROVENANCE or QUALITY_ASSESSMENT"
    )
    public_note: str
    affected_fields: tuple[str, ...]


class ManifestPointer(Document):
    schema_: str = Field(alias="schema")
    contract_version: str
    contract_updated: str
    current_manifest_url: str
    correction_record_url: str

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class CorrectionPolicy(Document):
    corrections_are_additive: bool
    no_silent_public_rewrites: bool
    private_operational_logs_public: bool
    basis: str


class CorrectionRecord(Contract):
    """correction-record-v1: what was corrected, when and why; corrections add, they never rewrite."""

    manifest: ManifestPointer
    correction_state: str = Field(description="CURRENT, CORRECTED or SUPERSEDED")
    correction_count: int
    last_corrected_at: str | None
    correction_events: tuple[CorrectionEvent, ...]
    known_superseded_manifest_urls: tuple[str, ...]
    policy: CorrectionPolicy
    interpretation: str
    limitations: tuple[str, ...]


class SourceEntry(Document):
    id: str
    title: str
    kind: str
    text_level: str | None
    sha256: str
    address: str | None
    claims: int = Field(description="claims of the record that quote it")


class SourceProvenance(Contract):
    """source-provenance-v1: what a reader can inspect of the record's sources, on a ladder of its own.

    Its ladder is not that of verification levels: it says how much is laid open, not how well it holds.
    """

    provenance_level: int = Field(ge=0, le=5)
    provenance_label: str
    ladder: tuple[Rung, ...]
    basis: str
    artifact_inspectability: str
    external_record: str
    claim_lineage: str
    source_list_boundary: str
    sources: tuple[SourceEntry, ...]
    limitations: tuple[str, ...]


class Artifact(Document):
    type: str
    label: str
    url: str
    sha256: str | None = None


class PaperManifest(Contract):
    """paper-manifest-v1.1: the record's metadata, its public artifacts, and where each of its contracts lies."""

    title: str
    question: str
    answer_status: str
    created_at: str
    body_digest: str
    library_digest: str
    standing: str
    publisher: str
    authors: tuple[str, ...]
    artifacts: tuple[Artifact, ...]
    contracts: dict[str, str]
    quality: dict[str, Any]
    limitations: tuple[str, ...]


#: Name of each contract -> its document and the file beside the record's page.
CONTRACTS: dict[str, tuple[type[Contract], str]] = {
    "paper-manifest-v1.1": (PaperManifest, "manifest.json"),
    "correction-record-v1": (CorrectionRecord, "corrections.json"),
    "source-provenance-v1": (SourceProvenance, "provenance.json"),
    "gate-verdict-v1": (GateVerdictContract, "gate-verdict.json"),
    "verification-levels-v1": (VerificationLevels, "verification-level.json"),
    "quality-tiers-v1": (QualityTiers, "quality-tier.json"),
    "quality-dimensions-v1": (QualityDimensions, "quality-dimensions.json"),
}


def contract_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of each contract, by its name."""
    found = {}
    for name, (kind, _) in CONTRACTS.items():
        schema = kind.model_json_schema(by_alias=True, mode="serialization")
        schema["properties"]["schema"] = {"const": name}
        found[name] = {"$schema": SCHEMA_TAG, "$id": f"tag:sovereign-kernel,2026:contract:{name}", **schema}
    return found
