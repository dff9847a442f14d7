//! Reasons for rejecting an uploaded file.

/// The problem with a file, worded to follow "the image". Clients see it.
pub(super) type InvalidImage = &'static str;

/// The longest side of an image that is decoded, in pixels.
pub(super) const MAX_DECODED_SIDE: u32 = 4096;

/// The file has a known format, but is damaged.
pub(super) const BROKEN: InvalidImage = "cannot be decoded";

/// Decoding the file would exceed a limit.
pub(super) const TOO_LARGE: InvalidImage =
    "is larger than 4096 × 4096 pixels, or takes too much memory";
