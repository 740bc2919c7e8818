//! Terminal, JSON and JUnit reports, from findings alone.
