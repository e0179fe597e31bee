//! Speech engines, the prompt cache, and the reading of audio files.
