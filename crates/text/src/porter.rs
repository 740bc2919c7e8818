//! The Porter stemmer with NLTK's extensions, which is the one that ROUGE and METEOR mean.
//! Apart and our own because the stemmers on offer are Snowball's English ("Porter2"), whose stems differ.

use crate::normalise::lowercase;

/// The stem of an English word: Porter's algorithm (1980) with the extensions of NLTK 3.10 (its default mode).
///
/// Lower-cases first. Words of one or two characters, and a dozen irregular forms, are looked up rather than
/// stemmed; letters that are not English count as consonants. Any text in, a text out, empty gives empty;
/// linear in the length of the word.
///
/// ```
/// use seatrial_text::porter::stem;
/// assert_eq!(stem("Relational"), "relat");
/// assert_eq!(stem("happy"), "happi");
/// assert_eq!(stem("enjoy"), "enjoy"); // NLTK's extension: y stays after a vowel
/// assert_eq!(stem("dying"), "die");
/// ```
#[must_use]
pub fn stem(word: &str) -> String {
    let lower = lowercase(word);
    if let Some(irregular) = irregular(&lower) {
        return irregular.to_owned();
    }
    // The length that decides is that of the word as it was given.
    if word.chars().nth(2).is_none() {
        return lower.into_owned();
    }
    let mut word = Word {
        letters: lower.chars().collect(),
    };
    word.plurals();
    word.past_and_gerund();
    word.final_y();
    word.double_suffixes();
    word.apply(STEP_3, |stem, _| measure(stem) > 0);
    word.apply(STEP_4, |stem, suffix| {
        measure(stem) > 1 && (suffix != "ion" || matches!(stem.last(), Some('s' | 't')))
    });
    word.final_e();
    word.final_double_l();
    word.letters.into_iter().collect()
}

fn irregular(word: &str) -> Option<&'static str> {
    Some(match word {
        "sky" | "skies" => "sky",
        "dying" => "die",
        "lying" => "lie",
        "tying" => "tie",
        "news" => "news",
        "innings" | "inning" => "inning",
        "outings" | "outing" => "outing",
        "cannings" | "canning" => "canning",
        "howe" => "howe",
        "proceed" => "proceed",
        "exceed" => "exceed",
        "succeed" => "succeed",
        _ => return None,
    })
}

/// A suffix and what replaces it. Of a table, the first suffix that fits decides, whether or not its condition
/// then holds.
type Rule = (&'static str, &'static str);

const STEP_2: &[Rule] = &[
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
    ("logi", "log"),
];

const STEP_3: &[Rule] = &[
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

const STEP_4: &[Rule] = &[
    ("al", ""),
    ("ance", ""),
    ("ence", ""),
    ("er", ""),
    ("ic", ""),
    ("able", ""),
    ("ible", ""),
    ("ant", ""),
    ("ement", ""),
    ("ment", ""),
    ("ent", ""),
    ("ion", ""),
    ("ou", ""),
    ("ism", ""),
    ("ate", ""),
    ("iti", ""),
    ("ous", ""),
    ("ive", ""),
    ("ize", ""),
];

struct Word {
    letters: Vec<char>,
}

impl Word {
    /// The letters before this suffix, if the word ends with it.
    fn before(&self, suffix: &str) -> Option<&[char]> {
        let cut = self.letters.len().checked_sub(suffix.len())?;
        let (stem, end) = self.letters.split_at_checked(cut)?;
        end.iter().copied().eq(suffix.chars()).then_some(stem)
    }

    /// Keeps the first `kept` letters and adds `ending`.
    fn replace(&mut self, kept: usize, ending: &str) {
        self.letters.truncate(kept);
        self.letters.extend(ending.chars());
    }

    /// Applies the rule of the first suffix that fits, if `condition(stem, suffix)` holds.
    fn apply(&mut self, rules: &[Rule], condition: impl Fn(&[char], &str) -> bool) {
        for &(suffix, ending) in rules {
            if let Some(stem) = self.before(suffix) {
                let kept = stem.len();
                if condition(stem, suffix) {
                    self.replace(kept, ending);
                }
                return;
            }
        }
    }

    /// Step 1a: `caresses` → `caress`, `ponies` → `poni`, `ties` → `tie`, `cats` → `cat`.
    fn plurals(&mut self) {
        if self.letters.len() == 4 && self.before("ies").is_some() {
            self.replace(1, "ie");
        } else {
            self.apply(
                &[("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")],
                |_, _| true,
            );
        }
    }

    /// Step 1b: `agreed` → `agree`, `hopping` → `hop`, `filing` → `file`, `died` → `die`.
    fn past_and_gerund(&mut self) {
        if let Some(stem) = self.before("ied") {
            let kept = stem.len();
            self.replace(kept, if kept == 1 { "ie" } else { "i" });
            return;
        }
        if let Some(stem) = self.before("eed") {
            let kept = stem.len();
            if measure(stem) > 0 {
                self.replace(kept, "ee");
            }
            return;
        }
        let Some(kept) = ["ed", "ing"]
            .iter()
            .filter_map(|suffix| self.before(suffix))
            .find(|stem| contains_vowel(stem))
            .map(<[char]>::len)
        else {
            return;
        };
        self.replace(kept, "");
        if self.before("at").is_some() || self.before("bl").is_some() || self.before("iz").is_some() {
            self.replace(kept, "e");
        } else if ends_double_consonant(&self.letters) {
            if !matches!(self.letters.last(), Some('l' | 's' | 'z')) {
                self.replace(kept.saturating_sub(1), "");
            }
        } else if measure(&self.letters) == 1 && ends_cvc(&self.letters) {
            self.replace(kept, "e");
        }
    }

    /// Step 1c, as NLTK has it: y becomes i after a consonant that is not the first letter.
    fn final_y(&mut self) {
        self.apply(&[("y", "i")], |stem, _| {
            stem.len() > 1 && consonants(stem).last().is_some_and(|last| last)
        });
    }

    /// Step 2. NLTK applies `alli` → `al` before anything else and then the step again.
    fn double_suffixes(&mut self) {
        if let Some(stem) = self.before("alli")
            && measure(stem) > 0
        {
            let kept = stem.len();
            // What is left ends in `al`, so that this cannot happen twice.
            self.replace(kept, "al");
        }
        let word = self.letters.clone();
        self.apply(STEP_2, |stem, suffix| {
            // The l of `logi` counts as part of the stem, so that `geo`, `theo` work like `archaeo`.
            let measured = if suffix == "logi" {
                word.get(..=stem.len()).unwrap_or(stem)
            } else {
                stem
            };
            measure(measured) > 0
        });
    }

    /// Step 5a: `probate` → `probat`, `cease` → `ceas`, but `rate` stays.
    fn final_e(&mut self) {
        self.apply(&[("e", "")], |stem, _| {
            let m = measure(stem);
            m > 1 || (m == 1 && !ends_cvc(stem))
        });
    }

    /// Step 5b: `controll` → `control`.
    fn final_double_l(&mut self) {
        let long = self
            .letters
            .split_last()
            .is_some_and(|(_, stem)| measure(stem) > 1);
        self.apply(&[("ll", "l")], |_, _| long);
    }
}

/// For each letter whether it is a consonant: not a, e, i, o, u, nor a y after a consonant.
fn consonants(letters: &[char]) -> impl Iterator<Item = bool> + '_ {
    let mut previous = false;
    letters.iter().map(move |letter| {
        previous = match letter {
            'a' | 'e' | 'i' | 'o' | 'u' => false,
            'y' => !previous,
            _ => true,
        };
        previous
    })
}

/// Porter's m: how many times a vowel is followed by a consonant.
fn measure(letters: &[char]) -> usize {
    let mut previous = true;
    consonants(letters)
        .filter(|&consonant| {
            let turn = consonant && !previous;
            previous = consonant;
            turn
        })
        .count()
}

fn contains_vowel(letters: &[char]) -> bool {
    consonants(letters).any(|consonant| !consonant)
}

fn ends_double_consonant(letters: &[char]) -> bool {
    matches!(letters, [.., a, b] if a == b) && consonants(letters).last().is_some_and(|last| last)
}

/// Ends consonant, vowel, consonant other than w, x, y; or, in NLTK, is a vowel and a consonant.
fn ends_cvc(letters: &[char]) -> bool {
    let flags: Vec<bool> = consonants(letters).collect();
    match (flags.as_slice(), letters.last()) {
        ([.., true, false, true], Some(last)) => !matches!(last, 'w' | 'x' | 'y'),
        ([false, true], _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects each step at the words where NLTK's extensions differ from the paper, and some of the paper's;
    /// values from NLTK 3.10.4.
    #[test]
    fn stems_are_those_of_nltk() {
        for (word, want) in [
            ("", ""),
            ("by", "by"),
            ("caresses", "caress"),
            ("flies", "fli"),
            ("dies", "die"),
            ("died", "die"),
            ("spied", "spi"),
            ("agreed", "agre"),
            ("feed", "feed"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("sing", "sing"),
            ("oed", "o"),
            ("happy", "happi"),
            ("enjoyment", "enjoy"),
            ("geology", "geolog"),
            ("theology", "theolog"),
            ("fully", "fulli"),
            ("hopefully", "hope"),
            ("adoption", "adopt"),
            ("ion", "ion"),
            ("controlling", "control"),
            ("rate", "rate"),
            ("cease", "ceas"),
            ("yyyy", "yyyi"),
            ("innings", "inning"),
            ("Übungen", "übungen"),
        ] {
            assert_eq!(stem(word), want, "{word}");
        }
    }

    proptest! {
        /// Protects against panics, and that a stem never grows by more than the restored e.
        #[test]
        fn any_word_has_a_stem(word in "[a-zé]{0,12}(ies|ied|eed|ing|ed|alli|logi|ation|e|ll|y|s)?") {
            prop_assert!(stem(&word).chars().count() <= word.chars().count() + 1);
        }

        /// Protects against panics on any text.
        #[test]
        fn any_text_has_a_stem(word in any::<String>()) {
            let _ = stem(&word);
        }
    }
}
