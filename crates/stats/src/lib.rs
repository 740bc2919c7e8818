//! Statistics: intervals, tests, power, agreement, sequential inference, change detectors; pure.
