//! Ports between engine, drivers and scorers; dataset readers; freezing a plan.
