//! Scripted phones that speak real SIP and RTP: ring, answer, reject, press keys, speak, listen, record.
