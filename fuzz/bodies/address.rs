//! What the fuzz target of addresses does with its bytes.

use outdial_domain::Address;

/// Whom to reach. As it is shown it keeps to one line, and means the same.
pub(crate) fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(address) = Address::parse(text) else {
        return;
    };
    let shown = address.to_string();
    assert!(!shown.contains(['\r', '\n']), "{shown:?}");
    let again = Address::parse(&shown).expect("what is shown is an address");
    assert_eq!(again.destination(), address.destination());
}
