//! Telephone media turned by hand: RTP, RTCP, telephone-event, codecs, jitter buffer, DTMF, tones, resampling, WAV. No I/O and no clock.
