//! The agent: one process a person, a private socket of JSON lines over `app`.
