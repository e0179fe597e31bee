//! Speech from the outside: commands, services, the cache, uploads.

#[cfg(test)]
mod command_engines;
#[cfg(test)]
mod common;
#[cfg(test)]
mod espeak;
#[cfg(test)]
mod http_engine;
#[cfg(test)]
mod prompt_cache;
#[cfg(test)]
mod uploads_and_fallback;
