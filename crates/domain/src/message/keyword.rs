//! Words by which a receiver says that they want no more texts, want them again, or want to know who sends them.

use serde::{Deserialize, Serialize};

use crate::outcome::words;

words! {
    /// What a receiver asks for by one word.
    Keyword {
        /// No more texts from this number.
        Stop = "stop",
        /// Texts from this number again.
        Start = "start",
        /// Who sends them, and how to be left alone.
        Help = "help",
    }
}

/// The words of a language, in capital letters and without accents: those for stop, for start, for help.
struct Language {
    code: &'static str,
    stop: &'static [&'static str],
    start: &'static [&'static str],
    help: &'static [&'static str],
}

/// Words that an answer to a question may be, as "yes", are not among them.
const LANGUAGES: &[Language] = &[
    Language {
        code: "en",
        stop: &[
            "STOP",
            "STOPALL",
            "STOP ALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
            "OPTOUT",
            "OPT OUT",
            "REVOKE",
        ],
        start: &["START", "UNSTOP", "SUBSCRIBE", "OPTIN", "OPT IN"],
        help: &["HELP", "INFO"],
    },
    Language {
        code: "de",
        stop: &["STOPP", "STOPPEN", "ABMELDEN", "ABBESTELLEN"],
        start: &["ANMELDEN", "STARTEN"],
        help: &["HILFE"],
    },
    Language {
        code: "es",
        stop: &["BAJA", "PARAR", "ALTO", "CANCELAR", "DETENER"],
        start: &["ALTA", "INICIAR", "COMENZAR"],
        help: &["AYUDA"],
    },
    Language {
        code: "fr",
        stop: &["ARRET", "ARRETER", "DESABONNER", "DESINSCRIRE"],
        start: &["REPRENDRE", "ABONNER"],
        help: &["AIDE"],
    },
    Language {
        code: "id",
        stop: &["BERHENTI", "HENTI"],
        start: &["MULAI"],
        help: &["BANTUAN"],
    },
    Language {
        code: "ms",
        stop: &["BERHENTI", "HENTI", "BATAL"],
        start: &["MULA"],
        help: &["BANTUAN"],
    },
    Language {
        code: "pt",
        stop: &["PARAR", "SAIR", "CANCELAR", "DESCADASTRAR"],
        start: &["INICIAR", "VOLTAR"],
        help: &["AJUDA"],
    },
    Language {
        code: "zh",
        stop: &["退订", "退訂", "停止", "取消"],
        start: &["订阅", "訂閱", "开始", "開始"],
        help: &["帮助", "幫助"],
    },
];

impl Keyword {
    /// The languages whose words are known, by their codes (ISO 639-1).
    #[must_use]
    pub fn languages() -> Vec<&'static str> {
        LANGUAGES.iter().map(|language| language.code).collect()
    }

    /// What a text asks for; `None` for one that says anything else. The English words are known in every language,
    /// because the networks teach them everywhere. Only a text that is the word and nothing more counts: whoever
    /// writes "stop by tomorrow" means something else.
    #[must_use]
    pub fn of(text: &str, languages: &[&str]) -> Option<Self> {
        let said = plain(text)?;
        let known = |language: &&Language| language.code == "en" || languages.contains(&language.code);
        LANGUAGES.iter().filter(known).find_map(|language| {
            [
                (language.stop, Self::Stop),
                (language.start, Self::Start),
                (language.help, Self::Help),
            ]
            .into_iter()
            .find(|(words, _)| words.contains(&said.as_str()))
            .map(|(_, keyword)| keyword)
        })
    }
}

/// The longest text that can be one of the words.
const LONGEST: usize = 40;

/// In capital letters, without accents, without what stands around it, and with one space between words.
fn plain(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_uppercase) {
        match character {
            'À' | 'Á' | 'Â' | 'Ã' | 'Ä' => plain.push('A'),
            'È' | 'É' | 'Ê' | 'Ë' => plain.push('E'),
            'Ì' | 'Í' | 'Î' | 'Ï' => plain.push('I'),
            'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ö' => plain.push('O'),
            'Ù' | 'Ú' | 'Û' | 'Ü' => plain.push('U'),
            // Accents that stand for themselves.
            '\u{300}'..='\u{36F}' => {}
            letter if letter.is_alphanumeric() => plain.push(letter),
            _ if plain.is_empty() || plain.ends_with(' ') => {}
            _ => plain.push(' '),
        }
    }
    plain.truncate(plain.trim_end().len());
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_word_however_it_is_written_is_understood() {
        for (text, languages, expected) in [
            ("STOP", &[][..], Some(Keyword::Stop)),
            (" stop. ", &[], Some(Keyword::Stop)),
            ("\"Stop\"!!", &[], Some(Keyword::Stop)),
            ("Opt-out", &[], Some(Keyword::Stop)),
            ("Arrêt", &["fr"], Some(Keyword::Stop)),
            ("ARRE\u{302}T", &["fr"], Some(Keyword::Stop)),
            ("Arrêt", &["de"], None),
            ("退订", &["zh"], Some(Keyword::Stop)),
            ("start", &["de"], Some(Keyword::Start)),
            ("Hilfe?", &["de"], Some(Keyword::Help)),
            ("stop by tomorrow", &[], None),
            ("don't stop", &[], None),
            ("yes", &[], None),
            ("", &[], None),
            ("👍", &[], None),
        ] {
            assert_eq!(Keyword::of(text, languages), expected, "{text:?}");
        }
    }

    #[test]
    fn no_word_means_two_things_to_whoever_speaks_all_languages() {
        let all = Keyword::languages();
        for language in LANGUAGES {
            for (words, keyword) in [
                (language.stop, Keyword::Stop),
                (language.start, Keyword::Start),
                (language.help, Keyword::Help),
            ] {
                for word in words {
                    assert_eq!(Keyword::of(word, &all), Some(keyword), "{word}");
                    assert_eq!(
                        Keyword::of(&word.to_lowercase(), &[language.code]),
                        Some(keyword),
                        "{word}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "\\PC{0,60}") {
            let _ = Keyword::of(&text, &Keyword::languages());
        }
    }
}
