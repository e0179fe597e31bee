use std::path::{Path, PathBuf};

/// The folder of the workspace's manifest.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the workspace")
        .to_path_buf()
}

/// Where cargo builds, and where peers keep what they need: `CARGO_TARGET_DIR` or `target`.
#[must_use]
pub fn target_dir() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace_root().join(chosen)
}

/// The folder of the peers' scenarios and starters.
#[must_use]
pub fn interop_dir() -> PathBuf {
    workspace_root().join("interop")
}
