//! Tests over the whole system, and of the architecture's own rules. They stand in `tests/it`; there is nothing to link here.
