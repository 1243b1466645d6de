//! The words of the wire: events, resources, problems, ids, money. Pure: no I/O, no cryptography.
