"""The Triton kernel of decoding; imported only where it runs."""
