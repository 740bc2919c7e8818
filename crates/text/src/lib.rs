//! Text metrics: normalisation, BLEU, chrF, TER, ROUGE, METEOR, edit distance, readability; pure.
