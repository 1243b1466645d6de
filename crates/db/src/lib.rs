//! PostgreSQL and SQLite behind one door: pools, portable SQL types, batch writer, migrations.
