//! The only door to the outside: limits, routing, and the hop to the services behind.
