//! Case and accents are taken away before words are compared.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The form of a word in which case, accents and compatibility variants (`ﬁ`, `Ａ`, `①`) make no
/// difference. Contains letters, digits and the vowel signs of scripts that need them, nothing else.
///
/// Marks are dropped in Latin, Greek, Cyrillic, Hebrew and Arabic only: in Indic scripts and Japanese they
/// tell words apart.
pub fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
    }
    let bare: String = word
        .nfkd()
        .filter(|&c| !is_accent(c))
        .flat_map(char::to_lowercase)
        .filter(|&c| !is_accent(c) && (c.is_alphanumeric() || is_combining_mark(c)))
        .nfkc()
        .collect();
    let mut folded = String::with_capacity(bare.len());
    for c in bare.chars() {
        match spelled_out(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
    folded
}

/// Marks that readers leave out when they type in a hurry.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}'     // combining diacritical marks
        | '\u{0591}'..='\u{05C7}'   // Hebrew points
        | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}' // Arabic vowel signs
        | '\u{0640}'                // Arabic tatweel, only stretches the line
    )
}

/// Letters that no decomposition takes apart, as they are typed on a keyboard without them.
fn spelled_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_make_no_difference() {
        for (word, folded) in [
            ("Cancelling", "cancelling"),
            ("ÉTÉ", "ete"),
            ("Straße", "strasse"),
            ("Łódź", "lodz"),
            ("ﬁle", "file"),
            ("Ａ１", "a1"),
            ("Ёлка", "елка"),
            ("ΟΔΟΣ", "οδοσ"),
            ("İstanbul", "istanbul"),
            ("שָׁלוֹם", "שלום"),
            ("한국어", "한국어"),
            ("が", "が"),
            ("हिन्दी", "हिन्दी"),
            ("½", "12"),
            ("", ""),
        ] {
            assert_eq!(fold(word), folded, "{word}");
        }
    }
}
