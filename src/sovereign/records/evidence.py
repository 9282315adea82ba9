"""Sources, quotes, facets and claims: what was read, and what it says."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from .base import ClaimId, Document, Sha256, SourceId


class SourceKind(StrEnum):
    """What a source is: somebody's work, our note on a work, or a pack's results."""

    WORK = "work"
    NOTE = "note"
    MEASUREMENT = "measurement"


class TextLevel(StrEnum):
    """How much of a work was read."""

    METADATA = "metadata"
    ABSTRACT = "abstract"
    FULL_TEXT = "full_text"


class Grounding(StrEnum):
    """Whose words a claim stands in: a work's own, a note's, or a measurement's."""

    QUOTED = "quoted"
    REPORTED = "reported"
    MEASURED = "measured"


class Agreement(StrEnum):
    """What other sources say of a claim."""

    SINGLE = "single"
    CORROBORATED = "corroborated"
    CONTESTED = "contested"
    REFUTED = "refuted"
    NOT_ASSESSED = "not_assessed"


class ReproductionStatus(StrEnum):
    """What a run of our own says of a claim."""

    NONE = "none"
    REPRODUCED = "reproduced"
    FALSIFIED = "falsified"
    NOT_RESOLVED = "not_resolved"


class Source(Document):
    """Something read. `sha256` is of the UTF-8 bytes of the text that was read."""

    id: SourceId
    title: str
    kind: SourceKind
    text_level: TextLevel | None = Field(description="of a work; null for notes and measurements")
    sha256: Sha256
    about: SourceId | None = Field(default=None, description="of a note: the work it is on")
    systems: tuple[str, ...] = Field(default=(), description="systems whose own source this is")
    address: str | None = Field(default=None, description="where a person finds the original")
    authors: tuple[str, ...] = ()
    year: int | None = None
    reader: str | None = Field(default=None, description="what made the text of the file, with its version: tex 1")
    kept_for: tuple[str, ...] = Field(default=(), description="the facets for which it was kept")
    rank: int | None = Field(default=None, description="best rank over the searches, from 1")

    @model_validator(mode="after")
    def _level_belongs_to_works(self) -> Source:
        if (self.kind is SourceKind.WORK) != (self.text_level is not None):
            raise ValueError("a work has a text level; a note or a measurement has none")
        return self


class Quote(Document):
    """A span of a stored text, in Unicode code points, or a JSON pointer into a measurement.

    `prefix` and `suffix` are the 32 code points on either side (fewer at the ends).
    """

    source: SourceId
    text: str
    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=0)
    pointer: str | None = Field(default=None, description="RFC 6901, for measurements")
    prefix: str = ""
    suffix: str = ""
    sha256: Sha256

    @model_validator(mode="after")
    def _span_or_pointer(self) -> Quote:
        has_span = self.start is not None and self.end is not None
        if has_span == (self.pointer is not None):
            raise ValueError("a quote has either start and end, or a pointer")
        if has_span and self.end - self.start != len(self.text):  # type: ignore[operator]
            raise ValueError("end - start must be the length of the quoted text in code points")
        return self


class Direction(StrEnum):
    """Which way a value moved against its baseline."""

    HIGHER = "higher"
    LOWER = "lower"
    EQUAL = "equal"


class Facets(Document):
    """What a claim or a cell is about. Names are as vocabulary or source writes them; None means not stated."""

    subject: str | None = None
    system: str | None = None
    baseline: str | None = None
    metric: str | None = None
    value: float | None = None
    unit: str | None = None
    direction: Direction | None = None
    condition: tuple[str, ...] = ()
    benchmark: str | None = None


class Claim(Document):
    """One checkable statement drawn from a source: a source's own sentence, with how we read it.

    `text` is the quoted sentence; `facets` is our reading; the three status fields are independent.
    """

    id: ClaimId
    text: str
    grounding: Grounding
    agreement: Agreement = Agreement.NOT_ASSESSED
    reproduction: ReproductionStatus = ReproductionStatus.NONE
    facets: Facets
    quotes: tuple[Quote, ...] = Field(min_length=1)
    agrees_with: tuple[ClaimId, ...] = Field(default=(), description="claims of other sources behind `agreement`")
    stated_negative: bool = Field(default=False, description="the sentence says that something was not measured")
    by_hand: tuple[Sha256, ...] = Field(
        default=(), description="entries of the owner's hand that added it or mended its facets"
    )


class DiffersIn(StrEnum):
    """In what a nearest claim differs from the cell that it stands beside."""

    SYSTEM = "system"
    METRIC = "metric"
    BENCHMARK = "benchmark"
    BASELINE = "baseline"
    CONDITION = "condition"
    IMPLEMENTATION = "implementation"
    SCALE = "scale"
    HARDWARE = "hardware"


class Nearest(Document):
    """A claim shown beside a gap. It never fills the gap and never counts for a verdict."""

    claim: ClaimId
    differs_in: tuple[DiffersIn, ...] = Field(min_length=1)


class Cell(Document):
    """One combination of facets that the question asks for: it holds claims, or it is a gap."""

    id: str = Field(pattern=r"^cell-[0-9]+$")
    facets: Facets
    claims: tuple[ClaimId, ...] = ()
    gap: bool
    nearest: tuple[Nearest, ...] = ()

    @model_validator(mode="after")
    def _claims_or_gap(self) -> Cell:
        if self.gap == bool(self.claims):
            raise ValueError("a cell holds claims or is a gap, never both or neither")
        return self
