"""What the words that begin an item or a statement are followed by, with the places to fill in as editors mark them."""

from __future__ import annotations

_NETWORK = """network ${1:name} {
  input ${2:image}: float32[N, ${3:3, H, W}]

  output ${4:logits} = ${2:image}
    -> $0
}"""
_BLOCK = """block ${1:name}(x${2:, width}) {
  x -> $0
}"""
_PLAN = """plan ${1:name} {
  network = ${2:network}
  data { source = ${3:digits} }
  loss = ${4:cross_entropy}, optimizer = ${5:adamw(lr=3e-3)}
  epochs = ${6:10}, batch_size = ${7:32}
}"""
_ALLOW = 'allow ${1:lint}: "${2:reason}"'
_LIMITS = "limits { parameters = ${1:30M} }"

ITEMS = {
    "network": _NETWORK,
    "block": _BLOCK,
    "import": 'import ${1:name} from "${2:file.dls}"',
    "plan": _PLAN,
    "foreign": 'foreign ${1:name}(${2}) = "${3:package.module:Class}" takes [${4:N, C}] gives [${5:N, C}]',
    "allow": _ALLOW,
    "limits": _LIMITS,
}
"""At the top of a file."""
STATEMENTS = {
    "input": "input ${1:image}: float32[N, ${2:3, H, W}]",
    "output": "output ${1:logits} = $0",
    "module": "module ${1:name} = $0",
    "parameter": "parameter ${1:name}: [${2:1, 1, dim}] = ${3:zeros}",
    "buffer": "buffer ${1:name}: [${2:1}] = ${3:zeros}",
    "if": "if ${1:test} {\n  $0\n}",
    "for": "for ${1:i} in ${2:range(3)} {\n  $0\n}",
    "allow": _ALLOW,
    "limits": _LIMITS,
}
"""In the body of a block or network."""
