//! Measures and sets how loud a clip is.
