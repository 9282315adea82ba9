"""Language models, optional: two small ports, and any endpoint that speaks OpenAI's wire format behind them.

What a model says is stored by hash and shown as its remark. It moves no gate.
"""

from ._openai import OpenAIChat, OpenAIEmbedder, host_rules
from ._port import Chat, ChatReply, ChatRequest, Embedder, Embeddings, Message
from ._settings import ChatSettings, EmbedderSettings, LanguageSettings, read_language

__all__ = [
    "Chat",
    "ChatReply",
    "ChatRequest",
    "ChatSettings",
    "Embedder",
    "EmbedderSettings",
    "Embeddings",
    "LanguageSettings",
    "Message",
    "OpenAIChat",
    "OpenAIEmbedder",
    "host_rules",
    "read_language",
]
