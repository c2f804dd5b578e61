//! The only room that names the MLS library.
