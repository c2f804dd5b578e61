//! A poster: an invite link as a page to print, with its QR code and what to do with it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use qrcode::{Color, EcLevel, QrCode};

use super::failure::Failure;

/// A4 in millimetres.
const PAGE: (usize, usize) = (210, 297);

/// Width of the code on it, and where it begins.
const CODE: (usize, usize) = (150, 78);

/// Letters of the link in a line.
const LINE: usize = 64;

/// What a poster says.
pub(super) struct Poster<'a> {
    /// The body's label.
    pub body: &'a str,
    /// The invite link.
    pub link: &'a str,
    /// Until when it lives, in words.
    pub until: &'a str,
}

impl Poster<'_> {
    /// Writes it as SVG into a file that must not be there yet.
    ///
    /// # Errors
    /// `Failure` if the file is there or cannot be written, or the link is too long for a code.
    pub(super) fn write(&self, file: &Path) -> Result<(), Failure> {
        let picture = self.picture()?;
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(file)
            .and_then(|mut open| open.write_all(picture.as_bytes()));
        written.map_err(|error| {
            Failure::bad_input(
                format!("the poster cannot be written to {}: {error}", file.display()),
                "give a file that is not there yet; the invite is open, and `caucus invites` shows its link",
            )
        })
    }

    fn picture(&self) -> Result<String, Failure> {
        let code = QrCode::with_error_correction_level(self.link.as_bytes(), EcLevel::M)
            .map_err(|_| Failure::bad_input("the link is too long for a QR code", "use the link itself"))?;
        let (width, height) = PAGE;
        let (side, top) = CODE;
        let modules = code.width();
        let mut path = String::new();
        for (place, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                // A unit a module; runs are few enough that each is drawn for itself.
                let _ = write!(path, "M{} {}h1v1h-1z", place % modules, place / modules);
            }
        }
        let scale = side as f64 / modules as f64;
        let left = (width - side) / 2;
        let mut text = String::new();
        let mut line = |y: usize, size: usize, words: &str| {
            let _ = writeln!(
                text,
                "  <text x=\"{}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"middle\">{}</text>",
                width / 2,
                escaped(words)
            );
        };
        line(34, 16, self.body);
        line(50, 7, "Come and join us");
        line(66, 6, "Scan this, or type the link below:");
        line(top + side + 14, 6, "caucus join");
        line(top + side + 22, 4, &format!("open until {}", self.until));
        let letters: Vec<char> = self.link.chars().collect();
        for (number, few) in letters.chunks(LINE).enumerate() {
            let words: String = few.iter().collect();
            line(top + side + 32 + number * 5, 4, &words);
        }
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" viewBox=\"0 0 {width} \
             {height}\" font-family=\"sans-serif\" fill=\"#111\">\n  <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
             {text}  <path transform=\"translate({left} {top}) scale({scale:.4})\" d=\"{path}\"/>\n</svg>\n"
        ))
    }
}

/// A body's label is somebody's words: never markup.
#[must_use]
pub(super) fn escaped(words: &str) -> String {
    let mut safe = String::new();
    for letter in words.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poster_holds_the_code_and_the_link_and_a_label_is_never_markup() {
        let link = format!("caucus-invite:{}", "abcdefgh".repeat(30));
        let poster = Poster {
            body: "<script>Tenants & friends",
            link: &link,
            until: "tomorrow",
        };
        let picture = poster.picture().unwrap();
        assert!(picture.contains("&lt;script&gt;Tenants &amp; friends"));
        assert!(!picture.contains("<script"));
        let shown: String = picture
            .lines()
            .filter(|line| line.contains("abcdefgh"))
            .filter_map(|line| line.split('>').nth(1)?.split('<').next())
            .collect();
        assert_eq!(shown, link);
        let code = QrCode::with_error_correction_level(link.as_bytes(), EcLevel::M).unwrap();
        let dark = code.to_colors().into_iter().filter(|color| *color == Color::Dark);
        assert_eq!(picture.matches("h1v1h-1z").count(), dark.count());

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("poster.svg");
        poster.write(&file).unwrap();
        assert!(poster.write(&file).is_err(), "nothing is overwritten");
    }
}
