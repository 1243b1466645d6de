//! The audit trail: appended once, queried by staff.
