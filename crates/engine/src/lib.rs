//! Plan to record: scheduling, durability, resume.
