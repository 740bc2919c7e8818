//! Vocabulary shared by every floor: ids, money, cases, samples, scores, estimates, findings.
