//! Joins the parts: room pump, outbox, join flow, blobs.
