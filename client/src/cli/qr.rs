//! A QR code of half blocks, two modules a character.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::console::Console;
use super::failure::Failure;

/// Shows a text as a QR code, dark on light on a dark terminal.
///
/// # Errors
/// `Failure` if nobody reads, or the text is too long for a code.
pub(super) fn show(console: &mut Console, text: &str) -> Result<(), Failure> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::L)
        .map_err(|_| Failure::bad_input("the link is too long for a QR code", "use the link itself"))?;
    // Terminals are mostly light on dark: what is printed is the light, and its margin.
    let picture = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .quiet_zone(true)
        .build();
    for line in picture.lines() {
        console.say(line)?;
    }
    Ok(())
}
