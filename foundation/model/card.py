"""card: the README.md of a stored model: what it is, how large, what it takes, and how to load it."""

from collections.abc import Mapping, Sequence

from torch import nn

from foundation.tokens import Space

CARD = """---
library_name: foundation
license: apache-2.0
tags: [foundation, {tag}]
---

# {title}

{parameters:,} parameters.

{tables}

```python
from foundation import FoundationModel

model = FoundationModel.from_pretrained("this directory or its hub name")
```
"""


def card(title: str, tag: str, model: nn.Module, sizes: Mapping[str, object], spaces: Sequence[Space] = ()) -> str:
    """The text of README.md.

    Args:
        title: what the model is, with what it was trained on.
        tag: kind of model, for the hub.
        model: whose parameters are counted.
        sizes: of the model, by name, as plain values.
        spaces: what tokens it takes; none for models that take no tokens.
    """
    rows = [(name.replace("_", " "), str(value)) for name, value in sizes.items()]
    tables = [_table(("size", "value"), rows)]
    if spaces:
        described = [(s.name, s.kind, str(s.size), ", ".join(f"{a.name} [{a.unit}]" for a in s.axes)) for s in spaces]
        tables.append(_table(("space", "kind", "size", "axes"), described))
    parameters = sum(p.numel() for p in model.parameters())
    return CARD.format(title=title, tag=tag, parameters=parameters, tables="\n\n".join(tables))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
