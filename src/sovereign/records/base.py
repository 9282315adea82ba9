"""The base of all typed documents, and the field types that they share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal")]
RecordId = Annotated[str, Field(pattern=r"^SRCH:[0-9A-F]{8}$", description="SRCH: and eight hexadecimal digits")]
SourceId = Annotated[str, Field(min_length=1, max_length=400, description="scheme:local, such as arxiv:2604.23996")]
ClaimId = Annotated[str, Field(pattern=r"^c-[0-9a-f]{10}$", description="c- and ten hexadecimal digits")]
Score = Annotated[float, Field(ge=0, le=10, description="0 to 10")]


class Document(BaseModel):
    """An immutable document: unknown fields are an error, so that nothing travels unread."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON values."""
        return self.model_dump(mode="json")
