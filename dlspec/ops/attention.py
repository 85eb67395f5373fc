"""Attention: every position gathers from all others, weighed by how well it matches them."""

from __future__ import annotations

from dlspec.ops.fact import FLOATS, At, Fact, Mistake, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count, Fraction, Positive
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


def _that_would(heads: int, features: Dim) -> str:
    """The number of heads nearest to the one given that divides the features, where these are known."""
    if not isinstance(features, int):
        return ""
    dividing = (count for count in range(1, features + 1) if features % count == 0)
    return f"; {min(dividing, key=lambda count: abs(count - heads))} would"


class MultiheadAttention(Op):
    """Attend from every query to all keys, in several heads with learned projections; gives the attended tensor."""

    axes = "N T E, N S K, N S V -> N T E"
    inputs = ("query", "key?", "value?")
    torch = (
        "nn.MultiheadAttention(E, num_heads, dropout=, bias=, add_bias_kv=, add_zero_attn=, kdim=kdim, vdim=vdim, "
        "batch_first=True)"
    )
    family = "attention"
    samples = (
        "float32[2, 5, 8] -> multihead_attention(2)",
        "float32[2, 5, 8], float32[2, 7, 8] -> multihead_attention(4, bias=false)",
        "float32[2, 5, 8], float32[2, 7, 6], float32[2, 7, 3] -> multihead_attention(2, dropout=0.1)",
        "float32[2, 5, 8] -> multihead_attention(2, add_bias_kv=true, add_zero_attn=true)",
    )
    mistakes = (
        ("float32[2, 5, 8] -> multihead_attention(3)", "E0303"),
        ("float32[2, 5, 8], float32[3, 7, 8] -> multihead_attention(2)", "E0302"),
        ("float32[2, 5, 8], float32[2, 7, 8], float32[2, 6, 8] -> multihead_attention(2)", "E0302"),
        ("float32[2, 5, 8, 4] -> multihead_attention(2)", "E0301"),
    )
    beyond_torch = (("float32[5, 8] -> multihead_attention(2)", "E0301"),)

    num_heads: Count
    """Heads that the features are split into."""
    dropout: Fraction = 0.0
    """The probability that a weight of the attention is put to zero, in training."""
    bias: bool = True
    """Whether the projections learn an offset."""
    add_bias_kv: bool = False
    """Whether a learned key and value are put behind the others."""
    add_zero_attn: bool = False
    """Whether a key and value of zeros are put behind the others."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (query, *_) = self.bind(at)
        return (Fact(query.dtype, query.shape),)

    def limits(self, at: At) -> Iterator[Limit]:
        heads, features = self.num_heads, at["E"]
        yield (
            features % heads == 0,
            "num_heads",
            f"{heads} heads do not divide the {features} features of the query{_that_would(heads, features)}",
        )

    def widths(self, at: At) -> tuple[Dim, Dim, Dim]:
        """Features of query, key and value; a value that is left out is the key, a key that is left out the query."""
        key = at.get("K", at["E"])
        return at["E"], key, at.get("V", key)

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        features, key, value = self.widths(at)
        if key == value == features:
            yield "in_proj_weight", (3 * features, features)
        else:
            yield "q_proj_weight", (features, features)
            yield "k_proj_weight", (features, key)
            yield "v_proj_weight", (features, value)
        if self.bias:
            yield "in_proj_bias", (3 * features,)
        if self.add_bias_kv:
            yield "bias_k", (1, 1, features)
            yield "bias_v", (1, 1, features)
        yield "out_proj.weight", (features, features)
        if self.bias:
            yield "out_proj.bias", (features,)

    def lengths(self, at: At) -> tuple[Dim, Dim, Dim]:
        """Queries, keys, and keys with those that are put behind."""
        keys = at.get("S", at["T"])
        return at["T"], keys, keys + self.add_bias_kv + self.add_zero_attn

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """Four projections, the match of every query with every key, and the weighted sum of the values."""
        features, key, value = self.widths(at)
        queries, keys, all_keys = self.lengths(at)
        projected = queries * features * 2 + keys * (key + value)
        batch: Dim = at["N"]
        return batch * features * (projected + 2 * queries * all_keys)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The inputs, copied with positions before images; projections; the gathered values.

        Without dropout a fused kernel keeps one sum per query and head; with it the weights are kept, thrice.
        """
        batch, (features, key, value), (queries, keys, all_keys) = at["N"], self.widths(at), self.lengths(at)
        count = 1 if all(fact is at.inputs[0] for fact in at.inputs) else len(at.inputs)
        alone, copied = count == 1, all_keys != keys
        given = Fact("float32", (batch, queries, features))
        gathered = Fact("float32", (batch, all_keys, features))
        yield given
        for width in [key, value][: count - 1]:
            yield Fact("float32", (keys * batch, width))
        yield given  # what the heads gave
        # Queries, keys and values of one tensor are projected at once and lie together, so one keeps the others.
        if alone:
            yield Fact("float32", (3, batch, queries, features))
        elif not self.dropout:
            yield given
        if not alone or copied:
            yield gathered
            if not self.dropout or (count == 2 and key == value == features and not copied):
                yield gathered
        if not self.dropout:
            yield Fact("float32", (batch, self.num_heads, queries))
            return
        yield given
        yield gathered
        for _ in range(3):
            yield Fact("float32", (batch, self.num_heads, queries, all_keys))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A query is seen at its place, keys and values everywhere; a query that is its own key everywhere too."""
        place: Seen = (1, Window()) if port == 0 and len(at.inputs) > 1 else (None, "whole")
        return ((0, Window()), place, (None, "whole"))

    def module_template(self, at: At) -> str:
        features, key, value = self.widths(at)
        if key == value == features:
            return self.torch.replace("kdim=kdim, vdim=vdim, ", "")
        return self.torch.replace("kdim=kdim, vdim=vdim", f"kdim={key}, vdim={value}")

    def applied_text(self, module: str, tensors: Sequence[str]) -> str:
        """The weights of the attention are not asked for, which lets PyTorch use its fused kernels."""
        query, *rest = tensors
        key = rest[0] if rest else query
        value = rest[1] if len(rest) > 1 else key
        return f"{module}({query}, {key}, {value}, need_weights=False)[0]"


class ScaledDotProductAttention(Op):
    """Weigh the values by the softmax of how well each key matches the query; nothing is learned."""

    axes = "*B L E, *B S E, *B S V, *M -> *B L V"
    inputs = ("query", "key", "value", "attn_mask?")
    function = (
        "F.scaled_dot_product_attention({query}, {key}, {value}, attn_mask={attn_mask}, dropout_p=dropout_p, "
        "is_causal=, scale=)"
    )
    family = "attention"
    takes = (*FLOATS, "bool")
    samples = (
        "float32[2, 3, 5, 4], float32[2, 3, 7, 4], float32[2, 3, 7, 4] -> scaled_dot_product_attention",
        "float32[2, 5, 4], float32[2, 7, 4], float32[2, 7, 6] -> scaled_dot_product_attention(is_causal=true)",
        "float32[2, 5, 4], float32[2, 7, 4], float32[2, 7, 4], bool[5, 7] -> scaled_dot_product_attention",
    )
    mistakes = (
        ("float32[2, 5, 4], float32[2, 7, 3], float32[2, 7, 4] -> scaled_dot_product_attention", "E0302"),
        ("float32[2, 5, 4], float32[2, 7, 4], float32[2, 6, 4] -> scaled_dot_product_attention", "E0302"),
        (
            "float32[2, 5, 4], float32[2, 7, 4], float32[2, 7, 4], bool[5, 6] -> scaled_dot_product_attention",
            "E0302",
        ),
        ("float32[4], float32[4], float32[4] -> scaled_dot_product_attention", "E0301"),
    )
    beyond_torch = (("float32[2, 5, 4], float32[1, 7, 4], float32[1, 7, 4] -> scaled_dot_product_attention", "E0302"),)

    dropout_p: Fraction = 0.0
    """The probability that a weight of the attention is put to zero, in training."""
    is_causal: bool = False
    """Whether a query sees only keys up to its own place."""
    scale: Positive | None = None
    """Factor for the matches; one over the root of the features unless said."""

    def check_types(self, at: At) -> None:
        """Queries, keys and values are real numbers of one type; a mask may hold truth values."""
        for position, fact in enumerate(at.inputs):
            wanted = (at.inputs[0].dtype, "bool")[: 2 if position == 3 else 1]
            if fact.dtype not in wanted or (position == 0 and fact.dtype == "bool"):
                words = f"`{self.name}` takes {wanted[0]} here" if position else f"`{self.name}` does not run on bool"
                raise Mistake("E0304", words, f"is {fact.dtype}", input=position)

    def result(self, at: At) -> tuple[Fact, ...]:
        (query, *_) = self.bind(at)
        if len(at.inputs) > 3:
            self._check_mask(at)
        return (Fact(query.dtype, (*at["*B"], at["L"], at["V"])),)

    def _check_mask(self, at: At) -> None:
        mask, wanted = at.inputs[3], (*at["*B"], at["L"], at["S"])
        mistake = Mistake("E0302", f"the mask of `{self.name}` does not fit its scores", shown(mask), input=3)
        if self.is_causal:
            raise Mistake("E0202", f"`{self.name}` is causal and has a mask as well", "set here", parameter="is_causal")
        # With images and heads before, PyTorch reads the last two axes of a mask by their place.
        if len(mask.shape) > len(wanted) or (len(wanted) == 4 and len(mask.shape) < 2):
            raise mistake
        for size, other in zip(mask.shape[::-1], wanted[::-1]):
            if size != 1 and size != other:
                at.equal(size, other, mistake)

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """The match of every query with every key, and the weighted sum of the values."""
        widths: Dim = at["E"] + at["V"]
        return product((*at["*B"], at["L"], at["S"], widths))

    def fused(self, at: At) -> bool:
        """Whether PyTorch has a kernel that keeps no scores: images and heads before, equal widths, no dropout."""
        return len(at["*B"]) == 2 and at["E"] == at["V"] and not self.dropout_p

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the dropout here
        """Of the fused kernel all that goes in and out; with dropout copies are kept."""
        return "" if self.dropout_p else "xy"

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """A sum per query of the fused kernel and its result; else scaled queries and keys, and the weights."""
        batch, dtype = at["*B"], at.inputs[0].dtype
        if self.fused(at):
            yield Fact("float32", (*batch, at["L"]))
            return
        if self.dropout_p:
            yield at.inputs[2]
        yield Fact(dtype, (*batch, at["L"], at["E"]))
        yield Fact(dtype, (*batch, at["S"], at["E"]))
        for _ in range(3 if self.dropout_p else 1):
            yield Fact(dtype, (*batch, at["L"], at["S"]))

    def expression(self, write: Writer) -> str:
        template = self.function
        if len(write.tensors) < 4:
            template = template.replace(" attn_mask={attn_mask},", "")
        dropout = f" dropout_p={self.dropout_p} if self.training else 0.0," if self.dropout_p else ""
        return write.call(template.replace(" dropout_p=dropout_p,", dropout))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A query is seen at its place, everything else everywhere."""
        rank = len(at.inputs[port].shape)
        kept: list[Seen] = [(axis, Window()) for axis in range(rank - 2)]
        return (*kept, (rank - 2, Window()) if port == 0 else (None, "whole"), (None, "whole"))
