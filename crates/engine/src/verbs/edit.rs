//! What a change does with something that need not be there.

/// What a change does with something that need not be there, or that is usual when it is not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Edit<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes, as if it had never been given.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Edit<T> {
    /// What is there after the change of what was there before.
    #[must_use]
    pub fn of(self, before: impl Into<Option<T>>) -> Option<T> {
        match self {
            Self::Keep => before.into(),
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_goes_or_is_replaced() {
        for (before, after) in [(Some(1), [Some(1), None, Some(2)]), (None, [None, None, Some(2)])] {
            assert_eq!(
                [Edit::Keep, Edit::Clear, Edit::Set(2)].map(|edit| edit.of(before)),
                after
            );
        }
    }
}
