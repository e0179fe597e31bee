//! The default alphabet of GSM 03.38 and its extension table (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1).

/// What announces a code of the extension table.
pub const ESCAPE: u8 = 0x1B;

/// The default alphabet: the place of a character is its code. The escape stands as itself, and is no character.
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1B}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: codes that follow an escape.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// How a character is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// By one septet.
    Basic(u8),
    /// By an escape and this septet.
    Extension(u8),
}

/// The codes of all characters below U+0100, so that most texts need no search. 0xFF stands for none; a code of
/// the extension table has its highest bit set.
const LATIN: [u8; 256] = latin();

const NONE: u8 = 0xFF;
const EXTENDED: u8 = 0x80;

const fn latin() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut code = 0u8;
    while code < 128 {
        let character = BASIC[code as usize] as usize;
        if character < 256 && code != ESCAPE {
            table[character] = code;
        }
        code += 1;
    }
    let mut place = 0;
    while place < EXTENSION.len() {
        let (code, character) = EXTENSION[place];
        if (character as usize) < 256 {
            table[character as usize] = code | EXTENDED;
        }
        place += 1;
    }
    table
}

impl Code {
    /// The code of a character; `None` when the alphabet lacks it.
    #[must_use]
    pub fn of(character: char) -> Option<Self> {
        match u8::try_from(character) {
            Ok(latin) => match LATIN[usize::from(latin)] {
                NONE => None,
                code if code & EXTENDED != 0 => Some(Self::Extension(code & !EXTENDED)),
                code => Some(Self::Basic(code)),
            },
            // What is left: ten Greek capitals in one row of the alphabet, and the euro.
            Err(_) if character == '€' => Some(Self::Extension(0x65)),
            Err(_) => (0x10..0x1B)
                .find(|code| BASIC[usize::from(*code)] == character)
                .map(Self::Basic),
        }
    }

    /// How many septets it takes.
    #[must_use]
    pub fn septets(self) -> usize {
        match self {
            Self::Basic(_) => 1,
            Self::Extension(_) => 2,
        }
    }
}

/// The septets of a text, one an octet, as SMPP carries them; `None` when the alphabet lacks a character.
#[must_use]
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        match Code::of(character)? {
            Code::Basic(code) => septets.push(code),
            Code::Extension(code) => septets.extend([ESCAPE, code]),
        }
    }
    Some(septets)
}

/// The text of septets, one an octet. A code that the extension table lacks is shown as the default alphabet
/// has it, an escape with nothing to announce as a space (3GPP TS 23.038, section 6.2.1.1); what is no septet
/// is shown as U+FFFD.
#[must_use]
pub fn decode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut octets = octets.iter().copied();
    while let Some(octet) = octets.next() {
        let character = match octet {
            ESCAPE => match octets.next() {
                None | Some(ESCAPE) => ' ',
                Some(code) => extension(code).unwrap_or_else(|| basic(code)),
            },
            code => basic(code),
        };
        text.push(character);
    }
    text
}

fn basic(code: u8) -> char {
    BASIC
        .get(usize::from(code))
        .copied()
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn extension(code: u8) -> Option<char> {
    EXTENSION
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, character)| *character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_it_was_written() {
        for code in (0..128).filter(|code| *code != ESCAPE) {
            let text = decode(&[code]);
            assert_eq!(encode(&text), Some(vec![code]), "{code:#04x} {text:?}");
        }
        for (code, character) in EXTENSION {
            assert_eq!(encode(&character.to_string()), Some(vec![ESCAPE, code]));
            assert_eq!(decode(&[ESCAPE, code]), character.to_string());
        }
    }

    #[test]
    fn no_other_character_has_a_code() {
        let known = ('\0'..=char::MAX).filter(|character| Code::of(*character).is_some());
        assert_eq!(known.count(), 127 + EXTENSION.len());
        // Among these a Greek capital alpha, which looks like a letter that the alphabet has.
        for missing in ['`', '\t', '\0', '\u{1B}', 'ç', 'Α', 'δ', '’', '👍'] {
            assert_eq!(Code::of(missing), None, "{missing:?}");
        }
    }

    #[test]
    fn what_the_tables_lack_is_shown_as_the_standard_says() {
        assert_eq!(decode(&[ESCAPE, b'A']), "A");
        assert_eq!(decode(&[b'a', ESCAPE]), "a ");
        assert_eq!(decode(&[ESCAPE, ESCAPE, b'b']), " b");
        assert_eq!(decode(&[b'a', 0x80, 0xFF]), "a\u{FFFD}\u{FFFD}");
    }
}
