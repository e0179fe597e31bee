use proptest::prelude::*;

use super::*;

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

#[test]
fn the_examples_of_rfc_4568_are_read() {
    // Section 9.1, and the lines of section 4 without what needs several keys.
    let crypto = Crypto::parse("1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32");
    assert_eq!(crypto, Err(SdesError::KeyParameter));
    let crypto = Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4")).unwrap();
    assert_eq!((crypto.tag, crypto.key.suite), (1, Suite::AesCm128HmacSha1_80));
    assert_eq!(crypto.lifetime, Some(1 << 20));
    assert_eq!(crypto.key.mki, Some(Mki { value: 1, octets: 4 }));
    assert!(crypto.key.master.octets().starts_with(b"YS___semctl"));
    let crypto = Crypto::parse("2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj").unwrap();
    assert_eq!((crypto.tag, crypto.key.suite), (2, Suite::AesCm128HmacSha1_32));
    assert_eq!((crypto.lifetime, crypto.key.mki), (None, None));
}

#[test]
fn ours_is_printed_as_it_is_read() {
    for (lifetime, mki, end) in [
        (None, None, ""),
        (Some(1 << 31), None, "|2^31"),
        (Some(1000), None, "|1000"),
        (None, Some(Mki { value: 7, octets: 2 }), "|7:2"),
    ] {
        let mut crypto = Crypto::parse(&format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).unwrap();
        crypto.lifetime = lifetime;
        crypto.key.mki = mki;
        let printed = crypto.to_string();
        assert_eq!(printed, format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{end}"));
        assert_eq!(Crypto::parse(&printed), Ok(crypto));
    }
}

#[test]
fn what_we_do_not_do_is_refused_and_says_so() {
    let suite = |name: &str| SdesError::Suite(name.to_owned());
    let parameter = |name: &str| SdesError::Parameter(name.to_owned());
    for (value, error) in [
        (String::new(), SdesError::Missing("a tag")),
        ("1".to_owned(), SdesError::Missing("a suite")),
        ("1 AES_CM_128_HMAC_SHA1_80".to_owned(), SdesError::Missing("a key")),
        (format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), SdesError::Tag),
        (format!("+1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), SdesError::Tag),
        (
            format!("9999999999 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            SdesError::Tag,
        ),
        (
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            suite("F8_128_HMAC_SHA1_80"),
        ),
        (format!("1 AEAD_AES_256_GCM inline:{KEY}"), suite("AEAD_AES_256_GCM")),
        (format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}"), SdesError::Missing("a key")),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
            SdesError::Missing("an inline key"),
        ),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA".to_owned(), SdesError::Key),
        (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AAAA"), SdesError::Key),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:!".to_owned(), SdesError::Key),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4;inline:{KEY}|2:4"),
            SdesError::SeveralKeys,
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|0"),
            SdesError::KeyParameter,
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^64"),
            SdesError::KeyParameter,
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:0"),
            SdesError::KeyParameter,
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|256:1"),
            SdesError::KeyParameter,
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4|2^20"),
            SdesError::KeyParameter,
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            parameter("UNENCRYPTED_SRTP"),
        ),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
            parameter("KDR=1"),
        ),
    ] {
        assert_eq!(Crypto::parse(&value), Err(error), "{value}");
    }
    for harmless in ["WSH=128", "KDR=0", "-UNKNOWN=7"] {
        assert!(Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} {harmless}")).is_ok());
    }
}

#[test]
fn the_first_line_that_can_be_used_is_chosen() {
    let lines = [
        format!("1 AEAD_AES_256_GCM inline:{KEY}"),
        format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}"),
        format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
    ];
    assert_eq!(Crypto::choose(lines.iter().map(String::as_str)).unwrap().tag, 2);
    assert!(matches!(Crypto::choose([lines[0].as_str()]), Err(SdesError::Suite(_))));
    assert!(Crypto::choose([]).is_err());
}

#[test]
fn no_key_is_in_what_is_logged() {
    let crypto = Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).unwrap();
    let logged = format!("{crypto:?}");
    assert!(!logged.contains("WVNf") && !logged.contains("89, 83"), "{logged}");
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,120}") {
        let _ = Crypto::parse(&text);
    }

    #[test]
    fn almost_a_line_is_answered(tag in 0_u32..20, tail in "[A-Za-z0-9+/=|:;^ -]{0,80}") {
        if let Ok(crypto) = Crypto::parse(&format!("{tag} AES_CM_128_HMAC_SHA1_80 inline:{tail}")) {
            prop_assert_eq!(Crypto::parse(&crypto.to_string()), Ok(crypto));
        }
    }

    #[test]
    fn any_key_survives(octets: [u8; 30], tag in 0_u32..999_999_999) {
        let crypto = Crypto::new(tag, SrtpKey::new(Suite::AesCm128HmacSha1_32, MasterKey::new(octets)));
        prop_assert_eq!(Crypto::parse(&crypto.to_string()), Ok(crypto));
    }
}
