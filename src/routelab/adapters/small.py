"""Random-weight models of the real families, scaled down: the experts' number and k are real, the widths are not."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from routelab._errors import BadShape, LabError
from routelab.adapters.attach import moe_blocks

_TEXT: dict[str, Any] = {
    "vocab_size": 160,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
_LATENT: dict[str, Any] = {  # multi-head latent attention
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "q_lora_rank": None,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "intermediate_size": 64,
    "first_k_dense_replace": 1,
}
_VISION: dict[str, Any] = {
    "depth": 1,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_heads": 2,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "out_hidden_size": 32,
    "num_position_embeddings": 16,
    "deepstack_visual_indexes": [0],
}
#: Class of the model, class of its configuration, and what of it is not the family's default.
SMALL: dict[str, tuple[str, str, dict[str, Any]]] = {
    "qwen3_moe": (
        "Qwen3MoeForCausalLM",
        "Qwen3MoeConfig",
        {**_TEXT, "num_key_value_heads": 2, "head_dim": 8, "num_experts": 128, "num_experts_per_tok": 8,
         "moe_intermediate_size": 8, "norm_topk_prob": True},
    ),
    "qwen3_vl_moe": (
        "Qwen3VLMoeForConditionalGeneration",
        "Qwen3VLMoeConfig",
        {
            "text_config": {
                **_TEXT, "num_key_value_heads": 2, "head_dim": 8, "num_experts": 128, "num_experts_per_tok": 8,
                "moe_intermediate_size": 8,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]},
            },
            "vision_config": _VISION,
            "image_token_id": 150,
            "video_token_id": 151,
            "vision_start_token_id": 152,
            "vision_end_token_id": 153,
        },
    ),
    "olmoe": (
        "OlmoeForCausalLM",
        "OlmoeConfig",
        {**_TEXT, "num_key_value_heads": 4, "num_experts": 64, "num_experts_per_tok": 8, "intermediate_size": 16},
    ),
    "mixtral": (
        "MixtralForCausalLM",
        "MixtralConfig",
        {**_TEXT, "num_key_value_heads": 2, "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 112},
    ),
    "deepseek_v2": (  # DeepSeek-V2-Lite, and the language model of DeepSeek-VL2-Tiny and -Small
        "DeepseekV2ForCausalLM",
        "DeepseekV2Config",
        {**_TEXT, **_LATENT, "n_routed_experts": 64, "num_experts_per_tok": 6, "n_shared_experts": 2,
         "moe_intermediate_size": 16, "topk_method": "greedy", "n_group": 1, "topk_group": 1,
         "routed_scaling_factor": 1.0},
    ),
    "deepseek_v3": (  # as the language model of Kimi-VL routes: sigmoid, bias, one group, scale 2.446
        "DeepseekV3ForCausalLM",
        "DeepseekV3Config",
        {**_TEXT, **_LATENT, "n_routed_experts": 64, "num_experts_per_tok": 6, "n_shared_experts": 2,
         "moe_intermediate_size": 16, "n_group": 1, "topk_group": 1, "routed_scaling_factor": 2.446,
         "norm_topk_prob": True},
    ),
}  # fmt: skip


def small_model(family: str, *, seed: int = 0, dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    """A random-weight model of a family, in evaluation mode on the CPU.

    Routers get weights of standard deviation 1/sqrt(d), so that their choices spread as near-uniform routing does; a
    selection bias gets small random numbers.

    Args:
        changes: of the configuration (`text_config` entries for the vision-language family).

    Raises:
        BadShape: there is no such family.
        LabError: transformers is not installed.
    """
    if family not in SMALL:
        raise BadShape(f"there is no small model {family!r}", f"choose one of: {', '.join(SMALL)}")
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError as error:
        raise LabError("transformers is not installed", "pip install -e .[lab,lab-models]") from error
    kind, config_kind, settings = SMALL[family]
    if "text_config" in settings:
        settings = {**settings, "text_config": {**settings["text_config"], **changes}}
    else:
        settings = {**settings, **changes}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, kind)(getattr(transformers, config_kind)(**settings))
        for block in moe_blocks(model):
            torch.nn.init.normal_(block.gate.weight, std=block.gate.weight.shape[1] ** -0.5)
            bias = getattr(block.gate, "e_score_correction_bias", None)
            if bias is not None:
                torch.nn.init.normal_(bias, std=0.05)
    return model.to(dtype).eval()
