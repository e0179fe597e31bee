//! Who asks: the application and its token.

use crate::{Fields, Invalid};
use secrecy::{ExposeSecret, SecretString};

/// The application and its access token, which are part of every request.
///
/// The token is shown by nothing here but [`add_to`](Self::add_to).
#[derive(Clone, Debug)]
pub struct Credentials {
    app_id: String,
    access_token: SecretString,
}

impl Credentials {
    /// Takes both.
    #[must_use]
    pub fn new(app_id: impl Into<String>, access_token: impl Into<String>) -> Self {
        Self {
            app_id: app_id.into(),
            access_token: SecretString::from(access_token.into()),
        }
    }

    /// Finds both in a request.
    ///
    /// # Errors
    ///
    /// When one of them is missing.
    pub fn from_fields(fields: &Fields) -> Result<Self, Invalid> {
        let mut reader = crate::record::Reader::new(fields);
        let app_id = reader.required::<String>(&["app_id"]);
        let token = reader.required::<String>(&["access_token"]);
        reader.finish()?;
        Ok(Self::new(
            crate::record::there(app_id, "app_id")?,
            crate::record::there(token, "access_token")?,
        ))
    }

    /// Adds both to a request.
    #[must_use]
    pub fn add_to(&self, fields: Fields) -> Fields {
        fields
            .with("app_id", &self.app_id)
            .with("access_token", &self.access_token.expose_secret().to_owned())
    }

    /// The application.
    #[must_use]
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// The token, for whoever has to compare it.
    #[must_use]
    pub fn access_token(&self) -> &SecretString {
        &self.access_token
    }
}
