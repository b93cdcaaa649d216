"""The compiled library, ``edge/native``, called through its C ABI."""
