"""The chunked roll."""
