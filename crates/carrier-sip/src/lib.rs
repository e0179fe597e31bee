//! The leg carrier that rings over SIP.
