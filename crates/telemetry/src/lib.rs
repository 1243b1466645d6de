//! Logs (traces and metrics to come) by one start-up call.
