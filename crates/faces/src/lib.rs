//! The interfaces that others call Outdial by.
