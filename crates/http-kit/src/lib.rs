//! What every HTTP service shares: server and drain, problems, callers, health, internal client.
