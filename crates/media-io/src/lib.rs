//! Runs the media machines: sockets and pacing threads.
