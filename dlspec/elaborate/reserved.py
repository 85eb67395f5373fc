"""Names that generated Python cannot use: Python's own words and the attributes of `nn.Module`."""

from __future__ import annotations

PYTHON_WORDS = frozenset(
    "False None True and as assert async await break class continue def del elif else except finally for from global "
    "if import in is lambda nonlocal not or pass raise return try while with yield self".split()
)

MODULE_ATTRIBUTES = frozenset(
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double "
    "dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule "
    "half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters "
    "parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook "
    "register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook "
    "register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to "
    "to_empty train training type xpu zero_grad".split()
)
"""`dir(torch.nn.Module)` without what begins with an underscore; a test compares."""


def reserved(label: str) -> str | None:
    """Why a label cannot be used, or None."""
    if label in PYTHON_WORDS:
        return f"`{label}` is a word of Python"
    if label in MODULE_ATTRIBUTES:
        return f"`{label}` is an attribute of every `nn.Module`"
    return None
