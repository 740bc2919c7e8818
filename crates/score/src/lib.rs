//! Rule scorers and extractors.
