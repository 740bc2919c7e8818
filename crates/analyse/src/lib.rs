//! Estimates, comparisons and gates from scores; pure.
