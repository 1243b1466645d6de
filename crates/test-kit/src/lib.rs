//! For tests only: databases, servers, clients, clocks.
