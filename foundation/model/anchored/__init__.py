"""The transformer that grows a sequence on both sides of an anchor, before a protein."""
