//! Bytes of a connection to plaintext records (SPEC.md, "Connection").
