//! Whose calls a face makes.

use outdial_domain::{AccountId, Scope};
use outdial_engine::Actor;

/// The account that a face acts for, as the configuration says. The original interfaces know nothing of our
/// keys, so it also says what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Whether its calls may show any caller id, and not only the account's own numbers.
    pub any_caller_id: bool,
}

impl Tenant {
    /// Who acts for it by the face of this name.
    pub(crate) fn actor(&self, face: &'static str) -> Actor {
        let mut scopes = vec![Scope::Calls];
        if self.any_caller_id {
            scopes.push(Scope::AnyCallerId);
        }
        Actor {
            account: self.account,
            account_name: self.name.clone(),
            scopes,
            name: format!("the interface {face}"),
            face,
        }
    }
}
